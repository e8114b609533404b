"""Programs with a fault in them: one file compiled anew, the rest linked as it was built."""

import shlex
import subprocess

import faults


class BuildError(Exception):
    pass


def run(command, **options):
    """Its output."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        shown = command if isinstance(command, str) else shlex.join(map(str, command))
        raise BuildError(f"exit code {result.returncode} of {shown}\n{result.stdout}")
    return result.stdout


class BuildTree:
    """A build folder of this checkout, made by Ninja."""

    def __init__(self, folder, as_built):
        """`as_built`: the program there is this source's; else it is built."""
        self.folder = folder.resolve()
        if not as_built:
            run(["ninja", "-C", self.folder, "kvscope"])
        self.program = self.folder / "kvscope"
        *compilers, self.link = run(["ninja", "-C", self.folder, "-t", "commands", "kvscope"]).splitlines()
        self.compilers = {shlex.split(command)[-1]: command for command in compilers}

    def mutant(self, fault, folder):
        """`folder`/kvscope: the program with the fault."""
        folder = folder.resolve()
        original = faults.ROOT / fault.file
        compiler = self.compilers.get(str(original))
        if compiler is None:
            raise BuildError(f"fault {fault.name}: {original} is not compiled in {self.folder}")
        source, compiled, program = folder / original.name, folder / "fault.o", folder / "kvscope"
        source.write_text(fault.apply(original.read_text()))

        arguments = shlex.split(compiler)
        arguments[arguments.index("-o") + 1] = compiled
        arguments[arguments.index("-MF") + 1] = folder / "fault.d"
        arguments[-1] = source
        run(arguments, cwd=self.folder)
        # An object before the libraries defines what it has: the linker does not look for it in them.
        output = " -o kvscope "
        if self.link.count(output) != 1:
            raise BuildError(f"expected '{output}' once in the command that links kvscope: {self.link}")
        link = self.link.replace(output, f" -o {shlex.quote(str(program))} {shlex.quote(str(compiled))} ")
        run(link, shell=True, cwd=self.folder)
        return program
