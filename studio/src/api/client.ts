// Asks the server for JSON. In a saved page the answers come from the page itself, and nothing can be changed.

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly body: Record<string, unknown>,
  ) {
    super(message);
  }
}

const saved = readSaved();

/** Whether this page was saved to a file: no server to ask, so nothing to steer. */
export const isSaved = saved !== null;

function readSaved(): Record<string, unknown> | null {
  const element = document.getElementById("saved");
  if (!element || element.getAttribute("type") !== "application/json") return null;
  return JSON.parse(element.textContent ?? "{}") as Record<string, unknown>;
}

/** The answer that the saved page holds for `url`, if any. */
export function savedAnswer(url: string): unknown {
  return saved?.[url];
}

/** A header that no form of a foreign site can send. */
const HEADERS = { Accept: "application/json", "X-Tutelage": "studio" };

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = { error: text.slice(0, 300) || response.statusText };
  }
  if (response.ok) return body as T;
  const fields = (body ?? {}) as Record<string, unknown>;
  throw new ApiError(
    String(fields["error"] ?? `The server answered ${response.status}.`),
    response.status,
    fields,
  );
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The studio's server does not answer. Is it still running?", 0, {});
  }
}

export async function get<T>(url: string, signal?: AbortSignal): Promise<T> {
  if (isSaved) {
    const kept = savedAnswer(url);
    if (kept === undefined) throw new ApiError("This is not part of the saved page.", 404, {});
    return kept as T;
  }
  return answer<T>(await send(url, { headers: HEADERS, cache: "no-cache", ...(signal ? { signal } : {}) }));
}

export async function post<T>(url: string, body: unknown): Promise<T> {
  if (isSaved) throw new ApiError("A saved page cannot change anything.", 405, {});
  const init = {
    method: "POST",
    headers: { ...HEADERS, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  return answer<T>(await send(url, init));
}

/** `/api/…` from its parts, each made safe for a URL. */
export function api(...parts: (string | number)[]): string {
  return ["/api", ...parts.map((part) => encodeURIComponent(String(part)))].join("/");
}

/** `?a=1&b=2` without what is not given. */
export function query(fields: Record<string, string | number | null | undefined>): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined && value !== "") given.set(key, String(value));
  }
  const text = given.toString();
  return text ? `?${text}` : "";
}
