/**
 * How a kernel refuses a value that it reads from memory, such as an index out of range: it traps.
 *
 * The trap ends the plan at that launch: nothing after it runs. Which value it was the kernel does not say; whoever catches the trap looks
 * for it where the lowering has said that such values are (`Refusal` in `lower/cpu/lowering.ts`), which are still there. So nobody has to
 * look at anything after a run in which all was well, and a kernel that compares every index before it uses it pays nothing more:
 * the engines' compilers for WebAssembly make a block of nothing but `unreachable` a conditional trap outside of the loop, while a
 * single store in it would cost 3 to 8 % of a gather. What the launch has written by then stays as it is: an operation that
 * writes in place checks its indices in a launch, or an operation, of its own beforehand (`lowerIndexCheck`, `ravelIndex`).
 */
import type { Expr, Fn } from './ir.ts';

/** Ends the plan unless `fine` holds; the launch has a refusal that tells why. */
export function trapUnless(f: Fn, fine: Expr): void {
  f.if(fine.unary('eqz'), () => f.trap());
}
