"""The Python peers' side of the line protocol: for each line {row, seconds}, {setting: the times in ms of runs for that long}.

A row is tried with all its settings when it first comes. The quickest goes on to the rounds, and the next if it is less than a tenth slower; what
they were is kept in settings.json in the folder that FLAMBEAU_BENCH_CACHE names, by row, version, threads and processor: remove it to try anew.
"""
import json
import os
import platform
import sys
import time

CLOSE, KEPT = 1.1, 2
CLOCKS = {'wall': time.perf_counter, 'processor': time.process_time}
FOLDER = os.environ.get('FLAMBEAU_BENCH_CACHE', '')


def processor():
    try:
        with open('/proc/cpuinfo') as file:
            return next(line.split(':')[1].strip() for line in file if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor()


def read_settings():
    try:
        with open(os.path.join(FOLDER, 'settings.json')) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_settings(key, names):
    if not FOLDER:
        return
    known = {**read_settings(), key: names}
    temporary = os.path.join(FOLDER, f'settings.{os.getpid()}.json')
    with open(temporary, 'w') as file:
        json.dump(known, file, indent=1, sort_keys=True)
    os.replace(temporary, os.path.join(FOLDER, 'settings.json'))


def measure(step, seconds, clock):
    """Milliseconds of runs for so many seconds: two at least, one where a run takes longer than all of it."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < (1 if times and times[0] > seconds * 1e3 else 2):
        start = clock()
        step()
        times.append((clock() - start) * 1e3)
    return times


def warm(builder):
    """A step that has run: thrice, once more where the second run takes more than a second."""
    step = builder()
    step()
    start = time.perf_counter()
    step()
    if time.perf_counter() - start < 1:
        step()
    return step


def quickest(row, builders, clock):
    """The settings that go on to the rounds."""
    least = {}
    for name, builder in builders.items():
        try:
            least[name] = min(measure(warm(builder), 0.4, clock))
        except Exception as error:  # a setting that cannot be had here is left out
            print(f'{row}, {name}: {type(error).__name__}: {error}'[:400], file=sys.stderr, flush=True)
    print(f'{row}: ' + ', '.join(f'{name} {ms:.3g} ms' for name, ms in least.items()), file=sys.stderr, flush=True)
    order = sorted(least, key=least.get)
    return [name for name in order if least[name] < CLOSE * least[order[0]]][:KEPT]


def steps_of(row, builders, version, threads, clock):
    if len(builders) < 2:
        return {name: warm(builder) for name, builder in builders.items()}
    key = ' | '.join([row, version, f'{threads} threads', processor()])
    names = read_settings().get(key)
    if not names or any(name not in builders for name in names):
        names = quickest(row, builders, clock)
        write_settings(key, names)
    return {name: warm(builders[name]) for name in names}


def serve(name, version, threads, clock, make):
    """make(request) gives a dictionary from a setting's name to a function that makes a step; empty for rows it cannot do."""
    print(json.dumps({'name': name, 'version': version}), flush=True)
    current, steps = None, {}
    for line in sys.stdin:
        request = json.loads(line)
        if request['row'] != current:
            current, steps = request['row'], {}  # what was there goes first
            steps = steps_of(current, make(request), version, threads, CLOCKS[clock])
        print(json.dumps({name: measure(step, request['seconds'], CLOCKS[clock]) for name, step in steps.items()}), flush=True)
