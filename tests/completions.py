"""completions.py SHELL VQZ   Types command lines into a real interactive shell, with tabs, and looks at the words that arrive. What is run in the place of vqz prints them."""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

PRINT = {"fish": "function vqz; printf '<%s>' $argv; echo '(end)'; end", "": "vqz() { printf '<%s>' \"$@\"; echo '(end)'; }"}
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source ./script; bind 'set bell-style none'"),
    "zsh": (["zsh", "-f", "-i"], "unsetopt beep; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D"),
    "fish": (["fish", "--no-config", "-i"], "source ./script"),
}
LINES = [   # what is typed, the words that come of it
    ("vqz encode --tu\tvis\tphoto.\t", "<encode><--tune><visual><photo.png>"),
    ("vqz encode --matrix bt7\t", "<encode><--matrix><bt709>"),
    ("vqz decode --form\tpa\t", "<decode><--format><pam>"),
    ("vqz decode --stored\tpho\t", "<decode><--stored-orientation><photo.png>"),
    ("vqz info --model mo\t", "<info><--model><model.vqzm>"),
    ("vqz encode --json -o su\t", "<encode><--json><-o><sub/>"),
    ("vqz transcode -fra\t 5", "<transcode><-frames:v><5>"),
    ("vqz help transc\t", "<help><transcode>"),
    ("vqz help --compl\tfis\t", "<help><--completion><fish>"),
]


class Shell:
    def __init__(self, name: str, folder: str) -> None:
        words, setup = START[name]
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.environ.update(HOME=folder, TERM="xterm", LC_ALL="C", PS1="$ ")
            os.execvp(words[0], words)
        self.pid = pid
        self.run(PRINT.get(name, PRINT[""]))
        self.run(setup)

    def wait(self, what: str) -> str:
        seen, until = "", time.monotonic() + 60
        while what not in seen:
            if not select.select([self.terminal], [], [], max(0.0, until - time.monotonic()))[0]:
                sys.exit(f"waited in vain for {what!r} in {seen!r}")
            seen += os.read(self.terminal, 65536).decode(errors="replace")
        return seen

    def run(self, line: str) -> str:
        """The shell is ready again when a word is there that is not what was typed."""
        os.write(self.terminal, f"{line}\rprintf '%s%s\\n' RE ADY\r".encode())
        return self.wait("READY")

    def words(self, line: str) -> str:
        os.write(self.terminal, f"{line}\r".encode())
        return re.findall(r"((?:<[^<>\r\n]*>)+)\(end\)", self.wait("(end)"))[-1]

    def close(self) -> None:
        os.write(self.terminal, b"exit\r")
        while select.select([self.terminal], [], [], 10)[0]:
            try:
                if not os.read(self.terminal, 65536):
                    break
            except OSError:  # it has gone
                break
        os.waitpid(self.pid, 0)


def main() -> int:
    name, vqz = sys.argv[1], os.path.abspath(sys.argv[2])
    commands = re.findall(r"^  vqz (\w+) ", subprocess.run([vqz, "help"], check=True, capture_output=True, text=True).stdout, re.M)
    commands = list(dict.fromkeys(commands))
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        script = subprocess.run([vqz, "help", "--completion", name], check=True, capture_output=True).stdout
        for file in ("script", "_vqz", "photo.png", "model.vqzm"):
            with open(os.path.join(folder, file), "wb") as out:
                out.write(script)
        os.mkdir(os.path.join(folder, "sub"))
        shell = Shell(name, folder)
        for typed, expected in LINES + [(f"vqz {command[:-1]}\t", f"<{command}>") for command in commands]:
            found = re.sub(r"(<--[a-z-]+)=", r"\1><", shell.words(typed))
            if found.replace("<sub>", "<sub/>") != expected:
                print(f"FAIL: {name}: {typed!r} became {found}, not {expected}")
                failures += 1
        shell.close()
    print(f"{name}: {len(LINES)} lines and {len(commands)} commands, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
