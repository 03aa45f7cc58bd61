export function SeeView() {
  return <p>See</p>;
}
