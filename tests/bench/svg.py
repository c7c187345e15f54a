"""Line charts as SVG: text stays text, lines differ by more than colour, and both light and dark pages are served."""
import dataclasses
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 44, 52
# Colours for light and dark pages that people who do not see red or green tell apart, dashes, and markers.
STYLES = (("#1a5fb4", "#78aeed", ""), ("#c64600", "#ffa348", "7 4"), ("#26713b", "#57e389", "2 4"), ("#813d9c", "#dc8add", "10 3 2 3"),
          ("#63452c", "#cdab8f", "4 2"), ("#5e5c64", "#c0bfbc", "1 3"))
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "circle")


@dataclasses.dataclass
class Series:
    """One line: its name, and points (x, y)."""
    name: str
    points: list
    markers: bool = True


def ticks(low, high, most=6):
    """Round numbers between two values."""
    step = 1e-6
    while (high - low) / step > most:
        for factor in (2, 2.5, 2):
            step *= factor
            if (high - low) / step <= most:
                break
    first = -(-low // step) * step
    return [round(first + number * step, 9) for number in range(int((high - first) / step + 1e-9) + 1)]


def number(value):
    """A number as people write it."""
    return f"{value:g}"


def chart(title, description, across, up, series, low=0.0, double=False):
    """A chart. `across` and `up` name the axes with their units; with `double` each step across is twice the one before."""
    points = [point for each in series for point in each.points]
    places = math.log2 if double else float
    x_low, x_high = min(places(x) for x, _ in points), max(places(x) for x, _ in points)
    x_low = 0.0 if x_low < 0.2 * x_high and not double else x_low
    y_high = max(y for _, y in points) * 1.05 or 1.0
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x_of(x):
        return LEFT + wide * (places(x) - x_low) / ((x_high - x_low) or 1)

    def y_of(y):
        return TOP + high * (1 - (y - low) / ((y_high - low) or 1))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title what" '
           'font-family="sans-serif" font-size="13">', f'<title id="title">{escape(title)}</title>',
           f'<desc id="what">{escape(description)}</desc>', style(len(series)),
           f'<text x="{LEFT}" y="24" class="text" font-size="15" font-weight="bold">{escape(title)}</text>']
    for x in sorted({x for x, _ in points}) if double else ticks(x_low, x_high):
        out.append(f'<path class="grid" d="M{x_of(x):.1f} {TOP}V{TOP + high}"/>'
                   f'<text class="text" x="{x_of(x):.1f}" y="{TOP + high + 18}" text-anchor="middle">{number(x)}</text>')
    for y in ticks(low, y_high):
        out.append(f'<path class="grid" d="M{LEFT} {y_of(y):.1f}H{LEFT + wide}"/>'
                   f'<text class="text" x="{LEFT - 8}" y="{y_of(y) + 4:.1f}" text-anchor="end">{number(y)}</text>')
    out.append(f'<text class="text" x="{LEFT + wide / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>'
               f'<text class="text" x="16" y="{TOP + high / 2}" text-anchor="middle" '
               f'transform="rotate(-90 16 {TOP + high / 2})">{escape(up)}</text>')
    for place, (each, y) in enumerate(zip(series, labels([y_of(each.points[-1][1]) for each in series]))):
        path = "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in each.points)
        out.append(f'<path class="line s{place}" d="M{path}"/>')
        if each.markers:
            out += [marker(MARKERS[place % len(MARKERS)], place, x_of(x), y_of(y)) for x, y in each.points]
        out.append(f'<text class="name n{place}" x="{LEFT + wide + 10}" y="{y + 4:.1f}">{escape(each.name)}</text>')
    return "\n".join(out) + "\n</svg>\n"


def labels(wanted, apart=17):
    """Heights of the names beside the ends of their lines, moved so that none hides another."""
    order, placed, last = sorted(range(len(wanted)), key=lambda at: wanted[at]), [0.0] * len(wanted), -1e9
    for at in order:
        last = placed[at] = max(wanted[at], last + apart)
    over = max(0.0, last - (HEIGHT - BOTTOM))
    return [height - over for height in placed]


def style(count):
    """The style of a chart with some lines."""
    def colours(place):
        return STYLES[place % len(STYLES)]
    light = "".join(f".s{place}{{stroke:{colours(place)[0]};stroke-dasharray:{colours(place)[2] or 'none'}}}"
                    f".m{place},.n{place}{{fill:{colours(place)[0]}}}" for place in range(count))
    dark = "".join(f".s{place}{{stroke:{colours(place)[1]}}}.m{place},.n{place}{{fill:{colours(place)[1]}}}" for place in range(count))
    return ("<style>.text{fill:#241f31}.grid{stroke:#77767b;stroke-opacity:.25}.line{fill:none;stroke-width:2}"
            f"{light}@media(prefers-color-scheme:dark){{.text{{fill:#f6f5f4}}{dark}}}</style>")


def marker(kind, place, x, y):
    """A mark at a point."""
    shapes = {"square": "M-4-4H4V4H-4Z", "triangle": "M0-5L5 4H-5Z", "diamond": "M0-5L5 0L0 5L-5 0Z",
              "cross": "M-4-1.5H-1.5V-4H1.5V-1.5H4V1.5H1.5V4H-1.5V1.5H-4Z"}
    if kind == "circle":
        return f'<circle class="m{place}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return f'<path class="m{place}" transform="translate({x:.1f} {y:.1f})" d="{shapes[kind]}"/>'
