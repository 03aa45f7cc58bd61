export function BuildView() {
  return <p>Build</p>;
}
