"""From LLVM IR to machine code in memory, through the cache on disk."""

from __future__ import annotations

import os
import sys
from functools import cache
from itertools import count

import llvmlite
import llvmlite.binding as llvm

from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.runtime import disk_cache

__all__ = ["Code", "cached_object", "compile_object", "load", "verify"]

PIPELINE = 1
"""Counts changes of the passes and options below, so that older object code is not used."""

LEVEL = 1  # of code generation; 2 and 3 take longer and gave no faster vector code


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _target_machine(machine: Machine, level: int) -> llvm.TargetMachine:
    _initialize()
    if machine.triple:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        target = llvm.Target.from_triple(machine.triple)
    else:
        target = llvm.Target.from_default_triple()
    # "small": constants and functions within 2 GB are reached without loading an address first.
    # The linker places an object in one piece, so this holds.
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=level, reloc="pic", codemodel="small"
    )


def verify(text: str) -> llvm.ModuleRef:
    """Parse IR and check that it is well formed; RuntimeError with LLVM's message if not."""
    module = llvm.parse_assembly(text)
    module.verify()
    return module


def compile_object(text: str, machine: Machine, level: int = LEVEL) -> bytes:
    """Object code for IR text.

    Library functions are inlined and instructions combined; nothing is vectorised or unrolled.
    Loop-invariant code and common subexpressions are found by the code generator, which takes most
    of the time.

    Args:
        text: the IR.
        machine: what code is generated for.
        level: the optimisation level of the code generator, 0 to 3.
    """
    target = _target_machine(machine, level)
    module = verify(text)
    module.triple = target.triple
    module.data_layout = str(target.target_data)
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    passes.run(module, llvm.create_pass_builder(target, options))
    return bytes(target.emit_object(module))


def cached_object(text: str, machine: Machine, level: int = LEVEL) -> bytes:
    """What `compile_object` gives, from the cache on disk where it was compiled before."""
    _initialize()
    key = "\0".join(
        (
            machine.triple or llvm.get_process_triple(),
            machine.cpu,
            machine.features,
            f"pipeline {PIPELINE}, level {level}",
            f"LLVM {llvm.llvm_version_info}, llvmlite {llvmlite.__version__}",
            sys.version,  # code may call CPython, whose structures differ between versions
            text,
        )
    )
    code = disk_cache.get(key)
    if code is None:
        code = compile_object(text, machine, level)
        disk_cache.put(key, code)
    return code


class Code:
    """Machine code in memory; it lives as long as this object."""

    def __init__(self, library: llvm.ResourceTracker, linker: llvm.LLJIT) -> None:
        self._library = library
        self._linker = linker
        self._found: dict[str, llvm.ResourceTracker] = {}

    def address(self, name: str) -> int:
        """Where a function that is not internal starts.

        Raises:
            RuntimeError: there is no such function, or the code calls an external one that the
                process does not have.
        """
        if name not in self._found:
            self._found[name] = self._linker.lookup(self._library.name, name)
        return int(self._found[name][name])


def load(code: bytes) -> Code:
    """Make object code ready to run in this process.

    It may call what the process has loaded: libc, libm, pthreads and the C API of Python.
    """
    linker = _linker()
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    return Code(library.link(linker, f"code{next(_numbers)}"), linker)


_numbers = count()


@cache
def _linker() -> llvm.LLJIT:
    _initialize()
    # JITLink lays an object out in one piece and reports a missing symbol as an error; the older
    # linker scatters the sections and ends the process.
    return llvm.create_lljit_compiler(use_jit_link=True, suppress_errors=True)


# A child forked while another thread compiles would wait for llvmlite's lock forever.
_llvm_lock = llvm.ffi.lib._lock
os.register_at_fork(
    before=_llvm_lock.__enter__,
    after_in_parent=_llvm_lock.__exit__,
    after_in_child=_llvm_lock.__exit__,
)
