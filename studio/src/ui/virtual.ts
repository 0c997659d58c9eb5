// Long lists: only the rows in sight exist. A hook over TanStack's virtual core.
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

type Wanted = Pick<
  VirtualizerOptions<HTMLElement, HTMLElement>,
  "count" | "getScrollElement" | "estimateSize"
> &
  Partial<VirtualizerOptions<HTMLElement, HTMLElement>>;

/** Rows of a scrolling element; give `measureElement` as ref (with data-index) where heights vary. */
export function useVirtual(wanted: Wanted): Virtualizer<HTMLElement, HTMLElement> {
  const [, render] = useReducer((number: number) => number + 1, 0);
  const options: VirtualizerOptions<HTMLElement, HTMLElement> = {
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    overscan: 8,
    ...wanted,
    onChange: () => render(undefined as never),
  };
  const [virtualizer] = useState(() => new Virtualizer(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
