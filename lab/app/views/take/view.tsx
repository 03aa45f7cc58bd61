export function TakeView() {
  return <p>Take</p>;
}
