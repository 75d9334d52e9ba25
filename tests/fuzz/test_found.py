"""Every failure that the fuzz test ever found, made small. Each once gave a wrong result, a crash
or an error; its name says what was wrong."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.plan.frame import nbytes
from chainrule.lower.llvm.program import write_program
from chainrule.rewrite.simplify import simplify
from tests.fuzz.case import Body, Case, Leaf, Step, arguments, function
from tests.fuzz.check import check
from tests.fuzz.draw import draw

FOUND = {
    "convolution of integers, strides and groups": Case(
        (Leaf((34, 1, 3, 3), "int32"), Leaf((2, 2, 12, 12), "int32", "-9,10")),
        (Step("conv", (1, 0), ((1, 2), ((0, 0), (2, -1)), (1, 1), (1, 2), 2, 1)),),
        (2,),
    ),
    "convolution of integers, dilated input": Case(
        (Leaf((3, 3, 3), "int32"), Leaf((3, 3, 3), "int32", "-9,10")),
        (Step("conv", (1, 0), ((2,), ((1, 1),), (2,), (1,), 1, 1)),),
        (2,),
    ),
    "convolution of integers, groups of the batch": Case(
        (Leaf((2, 2, 12, 2), "int32"), Leaf((6, 2, 2, 1), "int32")),
        (Step("conv", (0, 1), ((1, 1), ((1, 1), (1, 1)), (1, 1), (1, 2), 1, 2)),),
        (2,),
    ),
    "a place looked up under the condition of one joined part was used for the other": Case(
        (Leaf((16,), "uint32"),),
        (
            Step("concatenate", (0, 0), (0,)),
            Step("constant", (), ((1,), "int8", "0,32", 180)),
            Step("gather", (1, 2), ((0,),)),
        ),
        (3,),
        seed=272431421,
    ),
    "a reshape that no index arithmetic follows went to the reference, unstored": Case(
        (Leaf((2, 4, 5), "float32"),),
        (
            Step("reshape", (0,), ((5, 4, 2, 1),)),
            Step("literal", (), (1, "float32")),
            Step("less", (2, 1)),
        ),
        (3,),
    ),
    "the same, of a joined array that is also read by itself": Case(
        (Leaf((1, 3, 4, 1), "uint16"), Leaf((1, 2, 1, 1, 3), "bool")),
        (
            Step("concatenate", (0, 0, 0), (3,)),
            Step("reshape", (2,), ((6, 2, 1, 1, 3),)),
            Step("where", (1, 3, 2)),
        ),
        (4,),
    ),
    "the same, in a scan": Case(
        (Leaf((1, 3, 7), "float64"),),
        (
            Step("reshape", (0,), ((7, 1, 3, 1),)),
            Step("literal", (), (100, "float16")),
            Step(
                "scan",
                (2, 2, 1, 1),
                (
                    Body(
                        (
                            ((), "float16"),
                            ((), "float16"),
                            ((1, 3, 1), "float64"),
                            ((1, 3, 1), "float64"),
                        ),
                        (
                            Step("reshape", (2,), ((1, 3, 1),)),
                            Step("constant", (), ((3, 1), "float64", "whole", 733)),
                            Step("neg", (5,)),
                            Step("contract", (4, 6), ((0, 1, 2), (1, 2), (0,))),
                            Step("tanh", (0,)),
                            Step("cast", (7,), ("float16",)),
                            Step("reshape", (9,), ((),)),
                        ),
                        (8, 10),
                    ),
                    7,
                    0,
                    2,
                    False,
                ),
            ),
            Step("item", (3,), (1,)),
        ),
        (4,),
    ),
    "unrolled turns of joined loops all read what the first one reads": Case(
        (Leaf((2, 8, 1, 33), "float32"), Leaf((1, 2, 8), "float32")),
        (Step("contract", (1, 0), ((0, 1, 2), (1, 2, 0, 3), (3,))),),
        (2,),
    ),
    "the same in a maximum of windows": Case(
        (Leaf((8, 9, 4, 1, 1, 2), "int64", "-9219359044225408019,9200095038052678748"),),
        (
            Step("sliding_windows", (0,), ((3, 1), (1, 2), (2, 1))),
            Step("max", (1,), ((2, 4, 6, 7), True)),
        ),
        (2,),
    ),
    "conditions looked up places of lanes that are not there": Case(
        (Leaf((5,), "int8"), Leaf((6,), "int64", "0,2"), Leaf((6,), "int64", "0,6")),
        (
            Step("literal", (), (1, "int8")),
            Step("pad", (0, 3), ((3,), (1,), (2,))),
            Step("sliding_windows", (4,), ((0,), (2,), (3,))),
            Step("gather", (5, 2, 1), ((0, 1),)),
        ),
        (6,),
    ),
    "a kernel read a value that is stored after it has run": Case(
        (Leaf((8, 33), "int32", "-108,118"),),
        (
            Step("isnan", (0,)),
            Step("sliding_windows", (1,), ((1,), (4,), (1,))),
            Step("reshape", (1,), ((11, 1, 6, 1, 4),)),
        ),
        (3, 2),
    ),
    "an argument was overwritten before it was copied to a later result": Case(
        (Leaf((1, 1), "uint8"), Leaf((1, 1), "uint8", "8,9")), (), (1, 0), donate=(0,)
    ),
    "an argument was overwritten before another result was computed from it": Case(
        (Leaf((32,), "float64"), Leaf((32,), "float64")),
        (
            Step("literal", (), (2, "float64")),
            Step("floor_divide", (0, 2)),
            Step("minimum", (1, 3)),
        ),
        (4,),
        transform="value_and_grad",
        donate=(0,),
        seed=363376263,
    ),
    "a reshape without elements was taken apart": Case(
        (Leaf((2, 17, 1), "float32"),), (Step("max_pool", (0,)),), (1,), transform="grad"
    ),
    "LLVM wrote four bytes for the single last lane of a vector of uint8": Case(
        (Leaf((5, 2, 33, 8), "float32"),),
        (
            Step("permute", (0,), ((0, 1, 3, 2),)),
            Step("cast", (1,), ("uint8",)),
            Step("slice", (2,), ((0, 0, 0, 0), (5, 1, 8, 33), (1, 1, 1, 1))),
        ),
        (3,),
    ),
    "loops over kept and over folded axes were joined": Case(
        (Leaf((9, 9, 16), "float64"),),
        (Step("prod", (0,), ((1, 2), True)), Step("less_equal", (1, 0))),
        (2,),
    ),
    "a look-up in an axis of extent 1 was forgotten by the schedule": Case(
        (Leaf((5,), "int32", "-1,1"), Leaf((5,), "int32", "0,1"), Leaf((1,) * 4, "int64", "4,5")),
        (Step("cast", (2,), ("float64",)), Step("gather", (3, 0, 1), ((0, 1),))),
        (4,),
    ),
    "neighbouring pixels of a single place have distance 0": Case(
        (Leaf((1, 16, 1), "float16"), Leaf((16, 8, 1), "float16")),
        (Step("conv", (0, 1), ((2,), ((0, 0),), (1,), (2,), 2, 1)),),
        (2,),
    ),
    "a count without axes is asked for its extent": Case(
        (
            Leaf((32,), "int8", "0,1"),
            Leaf((32,), "float64"),
            Leaf((32, 1), "float64"),
            Leaf((), "float64"),
        ),
        (
            Step("add", (3, 2)),
            Step("count", (), (32, 1, 0)),
            Step("gather", (4, 5, 0), ((0, 1),)),
            Step("maximum", (6, 1)),
        ),
        (7,),
        transform="grad",
        seed=450680215,
    ),
    "a permutation is moved into what a scalar operand is made of": Case(
        (Leaf((2,), "float32"), Leaf((33, 4), "float32")),
        (
            Step("permute", (1,), ((1, 0),)),
            Step("logsumexp", (2,), ((0, 1), False)),
            Step("contract", (3, 0), ((), (0,), (0,))),
        ),
        (4,),
        transform="grad",
    ),
    "a sum of no products with infinity becomes infinity times 0": Case(
        (Leaf((7, 33), "float32", "special"), Leaf((0, 7, 33), "float32")),
        (
            Step("contract", (0, 1), ((1, 2), (0, 1, 2), (0, 2))),
            Step("sum", (2,), ((0,), True)),
        ),
        (3,),
        seed=641536045,
    ),
    "the extent of an index array is lost with an axis of extent 1": Case(
        (
            Leaf((), "int8", "-15,15"),
            Leaf((1, 15, 1), "int64", "0,1"),
            Leaf((15, 1), "float16"),
        ),
        (Step("lgamma", (2,)), Step("gather", (3, 1, 0), ((1, 0),))),
        (4,),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name):
    check(FOUND[name])


UNREAD = Case(
    (Leaf((9, 4), "float32"), Leaf((9,), "int64", "0,5")),
    (
        Step("scatter_add", (0, 1), ((5, 4), (0,))),
        Step("gather", (2, 1), ((0,),)),
        Step("slice", (3,), ((0, 0), (0, 4), (1, 1))),
    ),
    (4,),
)
"""A step whose result nobody reads: its memory is shared, but no barrier was put before it."""


@pytest.mark.parametrize("case", [UNREAD, *(draw(31, number) for number in range(20))])
def test_barriers_know_of_everything_that_is_written(case):
    with np.errstate(all="ignore"):
        graph = simplify(cr.trace(function(case), *arguments(case)).graph)[0]
    frame = write_program(graph, host()).frame
    for node, block in frame.blocks.items():
        place = frame.place(node)
        writes = frame.steps[block.first].writes
        assert any(place == buffer and size >= nbytes(node) for buffer, size in writes)
