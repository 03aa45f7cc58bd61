export function LearnView() {
  return <p>Learn</p>;
}
