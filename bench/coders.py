"""How bench/rd.py runs each codec: PNG in, a file, PNG out, with the programs a user would run."""
import hashlib
import shutil
import subprocess

from PIL import Image


def run(*command, stdout=None):
    done = subprocess.run([str(c) for c in command], stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: "
                           f"{done.stderr.decode(errors='replace').strip()}")
    return done


def first_line(*command):
    """First line that a program prints when asked for its version (some do so on stderr, with any exit status)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().split("\n")[0]


class Codec:
    """suffix: of the coded file. settings: default grid. tools: programs that must exist."""

    def __init__(self, name, suffix, settings, tools, version, encode, decode):
        self.name, self.suffix, self.settings, self.tools = name, suffix, settings, tools
        self._version, self.encode, self.decode = version, encode, decode

    def check(self):
        for tool in self.tools:
            if not shutil.which(tool):
                raise SystemExit(f"{self.name}: program '{tool}' not found (bench/setup.sh installs the anchors' tools)")

    def identity(self):
        """What a cached result depends on beside the picture and the setting."""
        return f"{self.name} {self._version()}"


def _cjpeg(ref, setting, out, sampling):
    run("cjpeg", "-quality", setting, "-optimize", "-sample", sampling, "-outfile", out, ref.with_suffix(".ppm"))


def _djpeg(coded, out):
    ppm = out.with_suffix(".ppm")
    run("djpeg", "-outfile", ppm, coded)
    Image.open(ppm).save(out, compress_level=1)


def _jpeg(name, sampling, settings):
    return Codec(name, ".jpg", settings, ["cjpeg", "djpeg"], lambda: first_line("cjpeg", "-version"),
                 lambda ref, setting, out: _cjpeg(ref, setting, out, sampling), _djpeg)


def _avif(name, sampling, settings):
    def encode(ref, setting, out):
        run("avifenc", "-s", "6", "-j", "1", "-y", sampling, "--min", setting, "--max", setting, ref, out)

    return Codec(name, ".avif", settings, ["avifenc", "avifdec"], lambda: first_line("avifenc", "--version"), encode,
                 lambda coded, out: run("avifdec", "-j", "1", coded, out))


def vqz(name, program, model, effort, tune, settings):
    options = ["--model", model] if model else []

    def version():
        digest = hashlib.sha256(open(shutil.which(program), "rb").read())
        if model:
            digest.update(open(model, "rb").read())
        return f"{digest.hexdigest()[:16]} -e {effort} --tune {tune}"

    return Codec(name, ".vqz", settings, [program], version,
                 lambda ref, setting, out: run(program, "encode", *options, "-q", setting, "-e", effort, "--tune", tune, "-o", out, ref),
                 lambda coded, out: run(program, "decode", *options, "-o", out, coded))


def anchors():
    codecs = [
        _jpeg("jpeg420", "2x2", "3 8 15 28 45 65 82 92 96"),
        _jpeg("jpeg444", "1x1", "8 20 45 75 90"),
        Codec("webp", ".webp", "0 5 15 35 60 80 90 96", ["cwebp", "dwebp"], lambda: first_line("cwebp", "-version"),
              lambda ref, setting, out: run("cwebp", "-quiet", "-m", "6", "-q", setting, ref, "-o", out),
              lambda coded, out: run("dwebp", "-quiet", coded, "-o", out)),
        _avif("avif420", "420", "8 18 28 36 44 52 58 63"),
        _avif("avif444", "444", "10 18 28 36 44 52 58 63"),
        Codec("jp2", ".jp2", "12 20 32 60 120 300", ["opj_compress", "opj_decompress"],
              lambda: first_line("dpkg-query", "-W", "libopenjp2-tools") + " -I",   # the 9/7 wavelet
              lambda ref, setting, out: run("opj_compress", "-I", "-r", setting, "-i", ref, "-o", out),
              lambda coded, out: run("opj_decompress", "-i", coded, "-o", out)),
    ]
    return {c.name: c for c in codecs}
