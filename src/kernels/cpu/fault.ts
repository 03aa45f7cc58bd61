/**
 * How a kernel refuses a value that it reads from memory, such as an index out of range: it writes the value down and traps.
 *
 * The trap ends the plan at that launch: nothing after it runs, and the plan throws the error that the lowering gave to
 * `Lowering.fault`. So nobody has to look at anything after a run in which all was well, and a kernel that compares every
 * index before it uses it pays nothing more. What the launch has written by then stays as it is: an operation that writes in
 * place checks its indices in a launch, or an operation, of its own beforehand (`lowerIndexCheck`, `ravelIndex`).
 */
import { constant, type Expr, type Fn } from './ir.ts';

/** int64 words of a report: whether there is one, and the value. */
export const FAULT_WORDS = 2;

/** Ends the plan because of `value` (i64) unless `fine` holds. `report` is the address of what `Lowering.fault` gave. */
export function trapUnless(f: Fn, fine: Expr, report: Expr, value: Expr): void {
  f.if(fine.unary('eqz'), () => {
    f.store('i64', report, value, 8);
    f.store('i64', report, constant('i64', 1));
    f.trap();
  });
}
