/** Beside a page's own script: calls what the address asks for, and sends the answer to the server that the page came from. */

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

async function answer(): Promise<void> {
  const { name, args } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Call;
  const given = (globalThis as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name]!;
  let body: object;
  try {
    body = { result: await given(...args) };
  } catch (error) {
    body = { error: error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error) };
  }
  await fetch('answer', { method: 'POST', body: JSON.stringify(body) });
}

void answer();
