"""The small form of an entry's samples: for every dtype and kind the smallest sample of each sort of arguments."""

MOST_BYTES = 3000
MOST_OF_A_KIND = {'sample': 8, 'in place': 4, 'sample, strided': 3, 'in place, strided': 1, 'error': 40, 'module': 8, 'optimizer': 30}


def parts(v):
    """All values inside a case's value, tensors as their lists."""
    if isinstance(v, list):
        for x in v:
            yield from parts(x)
    elif isinstance(v, dict):
        (key, inside), *rest = v.items() if v else [('dict', {})]
        if key == 'tensor':
            yield ('tensor', *inside)
        elif key in ('dict', 'slice', 'tuple'):
            yield from parts(list(inside.values()) if isinstance(inside, dict) else inside)
        elif not rest:
            yield (key, inside)
        else:
            yield from parts([inside, *(x for _, x in rest)])
    else:
        yield (type(v).__name__, v)


def sort_of(case, container):
    """What is special about a sample: samples of one sort are likely to go the same way through the library."""
    given = list(parts([case.get('args'), case.get('kwargs', {}), case.get('made')]))
    tensors = [p for p in given if p[0] == 'tensor']
    shapes = {tuple(p[2]) for p in tensors}
    return (
        case['kind'],
        any(0 in s for s in shapes),
        () in shapes,
        len(shapes) > 1,
        len({p[1] for p in tensors}),
        any(container.special(p) for p in tensors),
        tuple(sorted(p[0] for p in given if p[0] != 'tensor' and p[0] != 'NoneType')),
        tuple(sorted(case.get('kwargs', {}))),
        case.get('training'),
    )


def size_of(case):
    width = {'float64': 8, 'int64': 8, 'float32': 4, 'int32': 4}
    everything = parts([case.get(k) for k in ('args', 'kwargs', 'out', 'grads', 'up', 'given', 'made', 'state', 'parameters')])
    return sum(width.get(p[1], 1) * p[6] + 8 if p[0] == 'tensor' else 2 for p in everything)


def selected(cases, container):
    """A deterministic choice, in the order of the database."""
    order = sorted(range(len(cases)), key=lambda i: (size_of(cases[i]), i))
    chosen, seen, counts = [], set(), {}
    for i in order:
        case = cases[i]
        kind = (case['dtype'], case['kind'])
        sort = (case['dtype'], sort_of(case, container))
        room = counts.get(kind, 0) < MOST_OF_A_KIND[case['kind']]
        if sort in seen or not room or (size_of(case) > MOST_BYTES and counts.get(kind, 0) > 0):
            continue
        seen.add(sort)
        counts[kind] = counts.get(kind, 0) + 1
        chosen.append(i)
    return [cases[i] for i in sorted(chosen)]
