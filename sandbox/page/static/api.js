// Everything the page asks of the sandbox. A refusal becomes an Error with a sentence for the reader.

export async function ask(action, body) {
  let answer;
  try {
    answer = await fetch(`/api/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The sandbox does not answer. Is it still running?");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.error ?? `The sandbox answered ${answer.status}.`);
  return found;
}

// Server-sent events bring the whole picture each time something changed; the browser reconnects by itself.
export function follow(me, show, lost) {
  const source = new EventSource(`/events?as=${encodeURIComponent(me)}`);
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.onerror = () => lost();
  return () => source.close();
}
