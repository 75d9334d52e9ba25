"""From LLVM IR to machine code in memory."""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm

from chainrule.lower.llvm.machine import Machine, host

__all__ = ["Code", "compile_object", "load", "verify"]


@cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@cache
def _target_machine(machine: Machine, level: int = 2) -> llvm.TargetMachine:
    _initialize()
    if machine.triple:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        target = llvm.Target.from_triple(machine.triple)
    else:
        target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=level, reloc="pic", codemodel="jitdefault"
    )


def verify(text: str) -> llvm.ModuleRef:
    """Parse IR and check that it is well formed."""
    module = llvm.parse_assembly(text)
    module.verify()
    return module


def compile_object(text: str, machine: Machine) -> bytes:
    """Object code for IR text, after a few cheap passes (inlining of library functions, clean-up)."""
    target = _target_machine(machine)
    module = verify(text)
    module.triple = target.triple
    module.data_layout = str(target.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    builder = llvm.create_pass_builder(target, options)
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return bytes(target.emit_object(module))


class Code:
    """Machine code in memory; it lives as long as this object."""

    def __init__(self, engine: llvm.ExecutionEngine) -> None:
        self._engine = engine

    def address(self, name: str) -> int:
        """Where a function that is not internal starts."""
        return int(self._engine.get_function_address(name))


def load(code: bytes) -> Code:
    """Make object code ready to run in this process."""
    _initialize()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _fresh_target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Code(engine)


def _fresh_target_machine() -> llvm.TargetMachine:
    # the engine takes possession of it
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=host().cpu, features=host().features, codemodel="jitdefault", jit=True
    )
