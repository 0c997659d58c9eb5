// A line with its 95 % interval as a band, drawn by uPlot on a canvas; the numbers under the pointer stand above it.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { colour, shown } from "../ui/theme";

export interface BandPoint {
  x: number;
  y: number | null;
  low: number | null;
  high: number | null;
}
interface Properties {
  points: BandPoint[];
  label: string;
  axis: string;
  height?: number;
  range?: [number, number];
  value: (y: number) => string;
  whole?: boolean;
}

function options(plot: Properties, width: number, pointed: (index: number | null) => void): uPlot.Options {
  const ink = colour("--soft"),
    line = colour("--line"),
    accent = colour("--accent");
  const font = "12px Inter, 'Segoe UI', Helvetica, Arial, sans-serif";
  const axis = {
    stroke: ink,
    font,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
    labelFont: font,
  };
  const few = plot.points.length <= 30;
  return {
    width,
    height: plot.height ?? 200,
    legend: { show: false },
    padding: [12, 12, 0, 0],
    cursor: { y: false, points: { size: 8 }, drag: { x: false, y: false } },
    scales: {
      x: {
        time: false,
        ...(plot.whole
          ? { range: (_: uPlot, low: number, high: number): [number, number] => [low - 0.15, high + 0.15] }
          : {}),
      },
      y: plot.range ? { range: plot.range } : {},
    },
    axes: [
      {
        ...axis,
        label: plot.axis,
        labelSize: 18,
        size: 30,
        grid: { show: false },
        ...(plot.whole
          ? {
              splits: () =>
                plot.points
                  .map((point) => point.x)
                  .filter((_, index, all) => index % Math.ceil(all.length / 12) === 0),
            }
          : {}),
      },
      { ...axis, size: 56, values: (_: uPlot, ticks: number[]) => ticks.map(plot.value) },
    ],
    series: [
      {},
      { stroke: accent, width: 2, points: { show: few, size: 7, fill: colour("--surface") } },
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: colour("--band") }],
    hooks: { setCursor: [(drawn: uPlot) => pointed(drawn.cursor.idx ?? null)] },
  };
}

function columns(points: BandPoint[]): uPlot.AlignedData {
  return [
    points.map((p) => p.x),
    points.map((p) => p.y),
    points.map((p) => p.low),
    points.map((p) => p.high),
  ];
}

export function BandPlot(properties: Properties) {
  const { points, label, axis, value } = properties;
  const place = useRef<HTMLDivElement>(null);
  const [index, setIndex] = useState<number | null>(null);
  const theme = shown.value;
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const plot = new uPlot(options(properties, element.clientWidth, setIndex), columns(points), element);
    const watching = new ResizeObserver(() => {
      if (element.clientWidth > 0)
        plot.setSize({ width: element.clientWidth, height: properties.height ?? 200 });
    });
    watching.observe(element);
    return () => {
      watching.disconnect();
      plot.destroy();
    };
  }, [points, theme]);
  const point = (index === null ? undefined : points[index]) ?? points.at(-1);
  const told =
    point && point.y !== null
      ? `${value(point.y)}${point.low !== null && point.high !== null ? ` (${value(point.low)} to ${value(point.high)})` : ""}`
      : "–";
  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-at">
          {axis} {point?.x ?? ""}
        </span>{" "}
        <b>{told}</b>
      </figcaption>
      <div ref={place} role="img" aria-label={`${label}: at ${axis} ${point?.x ?? ""} it is ${told}`} />
    </figure>
  );
}
