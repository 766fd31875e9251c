/** The middle of some figures; NaN of none. */
export function middle(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;
}

/** The middle of some figures, with the least and the greatest. */
export function spread(figures: readonly number[]): string {
  if (figures.length === 0) return '-';
  const short = (value: number) =>
    value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
  const ends = `${short(Math.min(...figures))} to ${short(Math.max(...figures))}`;
  return `${short(middle(figures))} (${ends})`;
}

/** Rows of cells, one below the other. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}
