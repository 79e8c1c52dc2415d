"""The corpus and what was found earlier, as it is and damaged: the same inputs each time."""

import pytest

from tests.fuzz.corpus import corpus, mutated
from tests.fuzz.targets import TARGETS

INPUTS = 300  # damaged inputs of each target, spread over its corpus


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target: str) -> None:
    inputs = corpus(target)
    assert inputs
    for data in inputs:
        TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_damaged(target: str) -> None:
    inputs = corpus(target)
    for data in inputs:
        for damaged in mutated(data, max(1, INPUTS // len(inputs))):
            try:
                TARGETS[target](damaged)
            except Exception:
                print(f"the input: {damaged!r}")
                raise
