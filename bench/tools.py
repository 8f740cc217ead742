"""The programs that bench/speed.py times: what a user would run, with input and output as raw as each of them allows."""
import shutil
import subprocess


class Tool:
    """encode(quality, threads, picture) and decode(threads, coded) are command lines; `suffix` and `out` are the names of coded and
    decoded files, `takes` that of its input. best: the quality of the largest file, worst: of the smallest."""

    def __init__(self, name, suffix, takes, out, worst, best, version, encode, decode):
        self.name, self.suffix, self.takes, self.out, self.worst, self.best = name, suffix, takes, out, worst, best
        self.version, self.encode, self.decode = version, encode, decode


def version_of(*command):
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return text.strip().split("\n")[0]


def package(name):
    return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], stdout=subprocess.PIPE, text=True).stdout


def vqz(program, name, cpu):
    common = ["--quiet", "-f", "--cpu", cpu]
    return Tool(name, ".vqz", ".ppm", ".ppm", 0, 100, version_of(program, "--version"),
                lambda q, t, src, to: [program, "encode", *common, "-j", t, "-q", q, "-o", to, src],
                lambda t, src, to: [program, "decode", *common, "-j", t, "-o", to, src])


def webp(name, method):
    threads = lambda t: ["-mt"] if t > 1 else []
    return Tool(name, ".webp", ".ppm", ".ppm", 0, 100, "libwebp " + package("webp"),
                lambda q, t, src, to: ["cwebp", "-quiet", "-m", method, *threads(t), "-q", q, src, "-o", to],
                lambda t, src, to: ["dwebp", "-quiet", *threads(t), "-ppm", src, "-o", to])


def others():
    return [
        webp("webp -m 6", 6),
        webp("webp -m 4", 4),
        # 4:2:0 y4m in and out: neither conversion of colours nor a packer in the way
        Tool("avif", ".avif", ".y4m", ".y4m", 63, 0, "libavif " + package("libavif-bin") + ", aom -s 6, dav1d",
             lambda q, t, src, to: ["avifenc", "-c", "aom", "-s", 6, "-j", t, "--min", q, "--max", q, src, to],
             lambda t, src, to: ["avifdec", "-c", "dav1d", "-j", t, src, to]),
        Tool("jxl", ".jxl", ".ppm", ".ppm", 1, 99, "libjxl " + package("libjxl-tools"),
             lambda q, t, src, to: ["cjxl", "--quiet", f"--num_threads={t}", "-q", q, src, to],
             lambda t, src, to: ["djxl", "--quiet", f"--num_threads={t}", src, to]),
        Tool("jpeg", ".jpg", ".ppm", ".ppm", 1, 100, "libjpeg-turbo " + package("libjpeg-turbo-progs"),
             lambda q, t, src, to: ["cjpeg", "-quality", q, "-optimize", "-outfile", to, src],
             lambda t, src, to: ["djpeg", "-ppm", "-outfile", to, src]),
    ]


def check(tools):
    for program in ("cwebp", "dwebp", "avifenc", "avifdec", "cjxl", "djxl", "cjpeg", "djpeg"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is missing: tools/install-packages.sh bench installs it")
    return tools
