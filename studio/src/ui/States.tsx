// What stands where there is nothing to show: still loading, nothing there, or an error with what to do.
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import { printable } from "../text/printable";

export function Loading({ what }: { what: string }) {
  return (
    <div class="state" role="status">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <p>Reading {what} …</p>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state empty">
      <svg viewBox="0 0 64 40" width="64" height="40" aria-hidden="true">
        <path
          d="M12 8v24M12 12c0 10 40 4 40 18"
          fill="none"
          stroke="currentColor"
          stroke-width="2"
          stroke-dasharray="3 4"
        />
        <circle cx="12" cy="8" r="4" />
        <circle cx="12" cy="32" r="4" />
        <circle cx="52" cy="31" r="4" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failure({ error, again }: { error: ApiError; again?: () => void }) {
  return (
    <div class="state failure" role="alert">
      <h2>
        {error.status === 404 ? "Not found" : error.status === 0 ? "No connection" : "That did not work"}
      </h2>
      <p class="foreign">{printable(error.message)}</p>
      {again && <button onClick={again}>Try again</button>}
    </div>
  );
}

/** The parts of a page that depend on one answer of the server. */
export function Answered<T>({
  resource,
  what,
  children,
}: {
  resource: { data: T | undefined; error: ApiError | undefined; again: () => void };
  what: string;
  children: (data: T) => ComponentChildren;
}) {
  if (resource.data !== undefined) return <>{children(resource.data)}</>;
  if (resource.error) return <Failure error={resource.error} again={resource.again} />;
  return <Loading what={what} />;
}
