# SPDX-License-Identifier: Apache-2.0
"""Horizontal bars as SVG: one group of bars for each case, one bar for each server."""
from xml.sax.saxutils import escape

COLOURS = {"loadstar": "#0b6e4f", "echo": "#9aa5b1", "gdnsd": "#d1495b", "nsd": "#3066be", "knot": "#e09f3e",
           "pdns": "#8d5fd3"}
OTHER = "#444444"
WIDTH, LEFT, RIGHT = 860, 190, 150
BAR, GAP, GROUP_GAP = 18, 4, 18


def number(value, digits=None):
    if digits is None:
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def round_up(value):
    step = 10 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10):
        if step * factor >= value:
            return step * factor
    return value


def bars(path, title, unit, groups, names):
    """groups: [(label, [(server, median, low, high)])]. A bar four times the median of all is cut short: it
    would make the others unreadable. Its figure stands beside it all the same."""
    values = sorted(bar[1] for _, rows in groups for bar in rows)
    if not values:
        return
    top = min(values[-1], 4 * values[len(values) // 2]) or 1
    scale = (WIDTH - LEFT - RIGHT) / round_up(top)
    y, out, axis = 64, [], []
    for label, rows in groups:
        out.append(f'<text x="12" y="{y + 13}" font-weight="bold">{escape(label)}</text>')
        y += BAR + GAP if label else 0
        start = y - GAP
        for server, median, low, high in rows:
            cut = median > top
            length = max((round_up(top) if cut else median) * scale, 1)
            colour = COLOURS.get(server.split(":")[0], OTHER)
            weight = ' font-weight="bold"' if server.startswith("loadstar") else ""
            out.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end"{weight}>{escape(names(server))}</text>')
            out.append(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>')
            end = LEFT + length
            if cut:
                out.append(f'<path d="M{end - 14:.1f} {y + BAR} l6 -{BAR} h4 l-6 {BAR} z" fill="#ffffff"/>')
            elif high > low:
                x1, x2 = LEFT + low * scale, min(LEFT + high * scale, WIDTH - RIGHT + 30)
                out.append(f'<path d="M{x1:.1f} {y + BAR / 2} H{x2:.1f} M{x1:.1f} {y + 5} v{BAR - 10} '
                           f'M{x2:.1f} {y + 5} v{BAR - 10}" stroke="#222222" fill="none"/>')
                end = max(end, x2)
            out.append(f'<text x="{end + 6:.1f}" y="{y + 13}"{weight}>{number(median)}</text>')
            y += BAR + GAP
        for i in range(5):
            x = LEFT + round_up(top) * scale * i / 4
            axis.append(f'<line x1="{x:.1f}" y1="{start}" x2="{x:.1f}" y2="{y}" stroke="{"#dddddd" if i else "#222222"}"/>')
        y += GROUP_GAP
    height = y + 8
    for i in range(1, 5):
        x = LEFT + round_up(top) * scale * i / 4
        axis.append(f'<text x="{x:.1f}" y="52" text-anchor="middle" fill="#555555">{number(round_up(top) * i / 4)}</text>')
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">\n'
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n'
            f'<text x="12" y="24" font-size="16" font-weight="bold">{escape(title)}</text>\n'
            f'<text x="{LEFT - 8}" y="52" text-anchor="end" fill="#555555">{escape(unit)}</text>\n')
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + "\n".join(axis + out) + "\n</svg>\n")
