// Keys of the page: `useShortcuts` binds an area's shortcuts while a component is shown; fields keep their own keys.
import { useEffect, useRef } from "preact/hooks";
import { type Area, SHORTCUTS, type Shortcut } from "../shortcuts";

type Handlers = Partial<Record<string, () => void>>;
interface Binding {
  area: Area;
  handlers: { current: Handlers };
}

const bound: Binding[] = [];

/** Whether what is typed goes into a field. */
function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Enter and Space belong to the button or link that has the focus. */
function belongsToControl(event: KeyboardEvent): boolean {
  const pressed = event.key === "Enter" || event.key === " ";
  return (
    pressed &&
    event.target instanceof Element &&
    event.target.closest("a, button, summary, [role=button]") !== null
  );
}

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target)) {
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  if (belongsToControl(event)) return;
  for (const binding of [...bound].reverse()) {
    const shortcuts: Record<string, Shortcut> = SHORTCUTS[binding.area];
    for (const [name, shortcut] of Object.entries(shortcuts)) {
      const handler = binding.handlers.current[name];
      if (handler && shortcut.keys.includes(event.key)) {
        event.preventDefault();
        handler();
        return;
      }
    }
  }
}

document.addEventListener("keydown", pressed);

/** While the component is shown, the area's keys call these; the component shown last comes first. */
export function useShortcuts<A extends Area>(
  area: A,
  handlers: Partial<Record<keyof (typeof SHORTCUTS)[A], () => void>>,
): void {
  const current = useRef<Handlers>(handlers as Handlers);
  current.current = handlers as Handlers;
  useEffect(() => {
    const binding: Binding = { area, handlers: current };
    bound.push(binding);
    return () => {
      bound.splice(bound.indexOf(binding), 1);
    };
  }, [area]);
}
