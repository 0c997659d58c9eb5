// A choice of two ways to look at the same thing.

interface Properties {
  label: string;
  off: string;
  on: string;
  value: boolean;
  change: (on: boolean) => void;
}

export function Switch({ label, off, on, value, change }: Properties) {
  return (
    <span class="switch" role="group" aria-label={label}>
      <button aria-pressed={!value} onClick={() => change(false)}>
        {off}
      </button>
      <button aria-pressed={value} onClick={() => change(true)}>
        {on}
      </button>
    </span>
  );
}
