"""Speed and memory of vqz beside other codecs, whole programs in one run (bench/README.md).

    bench/speed.sh [--quick] [--runs N] [--huge]

writes runs/speed.json and the tables and the figure of docs/performance.md. --quick: the small picture only, nothing
is written to docs/. --huge: the growth goes on to 16384x16384, and every kind of input and output is tried at that size."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import growth
import tools

ROOT = pathlib.Path(__file__).resolve().parent.parent
BPP = {"low": 0.25, "middle": 0.6, "high": 1.5}
ENOUGH = 5.0            # seconds: a command that takes longer in all is not run again


def measure(command, cwd, energy=None):
    """One run -> seconds of processor, seconds of wall, bytes of memory, joules (None where the machine does not say)."""
    command = [str(c) for c in command]
    report = cwd / "energy"
    if energy:
        command = ["perf", "stat", "-x,", "-o", str(report), "-a", "-e", energy, "--", *command]
    start = time.monotonic()
    with open(cwd / "log", "wb") as log:
        child = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {child.returncode}\n{(cwd / 'log').read_text(errors='replace')}")
    joules = float(report.read_text().split("\n")[2].split(",")[0]) if energy else None
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "memory": usage.ru_maxrss * 1024, "joules": joules}


def energy_event():
    """perf's counter of the whole processor package, where this machine has one and lets us read it."""
    if not shutil.which("perf"):
        return None
    done = subprocess.run(["perf", "stat", "-a", "-x,", "-e", "power/energy-pkg/", "true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return "power/energy-pkg/" if done.returncode == 0 and "not supported" not in done.stdout else None


class Picture:
    """A cut of the mosaic in every form that a tool wants, and a smaller one of the same kind for finding qualities."""

    def __init__(self, name, width, height, probe, work):
        self.name, self.width, self.height, self.work = name, width, height, work
        self.probe = self if probe is None else Picture(name + "-probe", *probe, None, work)
        self.pixels = width * height
        growth.mosaic(width, height, self.path(".ppm"))
        growth.mosaic(width, height, self.path(".png"))
        near = self.path(".near.avif")       # the one way here from RGB to y4m
        measure(["avifenc", "-s", 10, "--min", 0, "--max", 0, "-y", "420", self.path(".png"), near], work)
        measure(["avifdec", near, self.path(".y4m")], work)

    def path(self, suffix):
        return self.work / (self.name + suffix)


def find_quality(tool, picture, bpp):
    """The whole-numbered quality whose file comes nearest to bpp."""
    worst, best, sizes = tool.worst, tool.best, {}
    coded = picture.path(tool.suffix)

    def size(q):
        if q not in sizes:
            measure(tool.encode(q, 1, picture.path(tool.takes), coded), picture.work)
            sizes[q] = coded.stat().st_size * 8 / picture.pixels
        return sizes[q]

    while abs(best - worst) > 1:
        middle = (best + worst) // 2
        if size(middle) < bpp:
            worst = middle
        else:
            best = middle
    return min((worst, best), key=lambda q: abs(size(q) - bpp))


def compare(tool_list, picture, point, thread_counts, runs, energy):
    """All tools on one picture at about one rate; their runs alternate."""
    rows = []
    for tool in tool_list:
        quality = find_quality(tool, picture.probe, BPP[point])
        for threads in thread_counts:
            coded, out = picture.path(f".{tool.name}{threads}{tool.suffix}"), picture.path(".out" + tool.out)
            rows.append({"tool": tool, "threads": threads, "quality": quality, "coded": coded, "encode": [], "decode": [],
                         "commands": {"encode": tool.encode(quality, threads, picture.path(tool.takes), coded),
                                      "decode": tool.decode(threads, coded, out)}})
    for _ in range(runs):
        for row in rows:
            for what in ("encode", "decode"):
                if sum(r["wall"] for r in row[what]) < ENOUGH:
                    row[what].append(measure(row["commands"][what], picture.work, energy))
    return [summary(row, picture, point) for row in rows]


def summary(row, picture, point):
    result = {"codec": row["tool"].name, "version": row["tool"].version, "picture": picture.name, "width": picture.width, "height": picture.height,
              "rate": point, "quality": row["quality"], "threads": row["threads"], "bpp": row["coded"].stat().st_size * 8 / picture.pixels}
    clock = "cpu" if row["threads"] == 1 else "wall"
    for what in ("encode", "decode"):
        seconds = statistics.median(r[clock] for r in row[what])
        joules = [r["joules"] for r in row[what] if r["joules"] is not None]
        result[what] = {"runs": len(row[what]), "clock": clock, "seconds": seconds, "mp_per_s": picture.pixels / 1e6 / seconds,
                        "memory": max(r["memory"] for r in row[what]), "joules": statistics.median(joules) if joules else None}
    row["coded"].unlink()
    return result


def table(results):
    lines = ["| picture | rate | codec | threads | quality | bpp | encode MP/s | decode MP/s | encode MiB | decode MiB | encode J | decode J |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    number = lambda v: "-" if v is None else f"{v:.1f}"
    for r in results:
        e, d = r["encode"], r["decode"]
        lines.append(f"| {r['width']}x{r['height']} | {r['rate']} | {r['codec']} | {r['threads']} | {r['quality']} | {r['bpp']:.2f} | "
                     f"{e['mp_per_s']:.2f} | {d['mp_per_s']:.2f} | {e['memory'] / 2**20:.0f} | {d['memory'] / 2**20:.0f} | "
                     f"{number(e['joules'])} | {number(d['joules'])} |")
    return lines


def ratios(results):
    """The figures that a release is held against: one thread, largest picture, middle rate."""
    pixels = max(r["width"] * r["height"] for r in results)
    at = {r["codec"]: r for r in results if r["threads"] == 1 and r["rate"] == "middle" and r["width"] * r["height"] == pixels}
    anchors = [("decode", "avif", "avifdec"), ("decode", "webp -m 4", "dwebp"), ("encode", "avif", "avifenc -s 6"),
               ("encode", "webp -m 6", "cwebp -m 6"), ("encode", "webp -m 4", "cwebp -m 4")]
    lines = ["| one thread, middle rate |" + "|".join(f" {what} / {program} " for what, _, program in anchors) + "|", "|---" * (len(anchors) + 1) + "|"]
    for name in at:
        if name.startswith("vqz"):
            parts = [at[name][what]["mp_per_s"] / at[other][what]["mp_per_s"] for what, other, _ in anchors]
            lines.append(f"| {name} | " + " | ".join(f"{p:.2f}" for p in parts) + " |")
    return lines


def put_section(name, lines):
    """Replaces what stands between <!-- NAME --> and <!-- /NAME --> in docs/performance.md."""
    path = ROOT / "docs" / "performance.md"
    text = path.read_text()
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, rest = text.split(begin)
    path.write_text(head + begin + "\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1])


def runs_here(program, cpu):
    sample = next((ROOT / "samples").glob("*.jpg"))
    return subprocess.run([program, "encode", "--cpu", cpu, "-f", "-o", "/dev/null", sample], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--huge", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build-bench" / "vqz")
    args = parser.parse_args()
    program = args.program.resolve()
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    cores = len(os.sched_getaffinity(0))
    tool_list = [tools.vqz(program, f"vqz {cpu}", cpu) for cpu in ("avx512vnni", "avx2") if runs_here(program, cpu)] + tools.check(tools.others())
    energy = energy_event()
    results = []
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as work:
        work = pathlib.Path(work)
        pictures = [Picture("kodak-sized", 768, 512, None, work)]
        if not args.quick:
            pictures.append(Picture("photo", 4000, 3000, (3600, 640), work))      # all four photos side by side
        for picture in pictures:
            for point in BPP:
                print(f"{picture.name}, {point} rate", file=sys.stderr)
                results += compare(tool_list, picture, point, sorted({1, cores}), args.runs, energy)
    report = {"machine": machine, "cores": cores, "date": time.strftime("%F", time.gmtime()), "results": results}
    head = [f"{machine}, {cores} cores, {report['date']}; {'; '.join(sorted({r['version'] for r in results}))}.", ""]
    lines = head + ratios(results) + [""] + table(results)
    print("\n".join(lines))
    if not args.quick:
        report["growth"] = growth.measure_all(program, measure, args.huge)
        put_section("speed", lines)
        put_section("growth", growth.table(report["growth"]))
        (ROOT / "docs" / "growth.svg").write_text(growth.figure(report["growth"]))
    out = ROOT / "runs" / "speed.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(report, indent=1))
    print(f"written: {out}", file=sys.stderr)


if __name__ == "__main__":
    main()
