// The help over the page: every shortcut, by area. A native dialog, so that focus stays inside and Escape closes.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Area, AREA_TITLES, SHORTCUTS, type Shortcut } from "../shortcuts";

export const helpShown = signal(false);

const NAMES: Record<string, string> = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc" };

export function Key({ name }: { name: string }) {
  return <kbd>{NAMES[name] ?? name}</kbd>;
}

function Section({ area }: { area: Area }) {
  const shortcuts: Shortcut[] = Object.values(SHORTCUTS[area]);
  return (
    <section class="help-area">
      <h3>{AREA_TITLES[area]}</h3>
      <dl>
        {shortcuts.map((shortcut) => (
          <div key={shortcut.does}>
            <dt>
              {shortcut.keys.map((name) => (
                <Key key={name} name={name} />
              ))}
            </dt>
            <dd>{shortcut.does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpShown.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => {
        helpShown.value = false;
      }}
      onClick={(event) => {
        if (event.target === dialog.current) helpShown.value = false;
      }}
      onKeyDown={(event) => {
        if (event.key === "?") {
          event.preventDefault();
          helpShown.value = false;
        }
      }}
    >
      <header>
        <h2 id="help-title">Keys</h2>
        <button
          class="quiet"
          onClick={() => {
            helpShown.value = false;
          }}
          aria-label="Close the help"
        >
          Close <Key name="Escape" />
        </button>
      </header>
      <div class="help-areas">
        {(Object.keys(SHORTCUTS) as Area[]).map((area) => (
          <Section key={area} area={area} />
        ))}
      </div>
      <footer>
        Filter language: <code>field:value</code>, <code>field&gt;3</code>, <code>tokens:10..20</code>,{" "}
        <code>-field:value</code> for not, <code>field:a,b</code> for either, <code>field:none</code>, and
        free words for texts. <a href="licences.txt">Licences</a>
      </footer>
    </dialog>
  );
}
