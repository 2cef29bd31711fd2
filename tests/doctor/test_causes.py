"""The table of causes has no circle, names known rules, and puts the root first."""

from graphlib import TopologicalSorter
from itertools import chain

import pytest

from vademecum.doctor import Finding, checks
from vademecum.doctor.causes import DYNAMICS, EXPLAINS, LAST, PRIOR, explained, fold
from vademecum.doctor.examine import rule_of

FAULTS = """
redundant-softmax redundant-sigmoid missing-log-softmax missing-output-activation wrong-softmax-dim single-logit-softmax
broadcast-mismatch nondifferentiable-output detached-part loss-detached unregistered-layers output-range
flipped-loss-sign missing-nonlinearity symmetric-init mse-on-classes optimizer-wrong-parameters missing-zero-grad
zero-grad-before-step missing-step parameters-not-updated lr-zero lr-decays-too-fast frozen-by-mistake
eval-mode-in-training train-mode-in-validation dropout-active-in-eval non-finite loss-reduction-sum clip-too-small
lr-too-high lr-too-low weight-decay-too-large dropout-too-strong momentum-too-high labels-out-of-range single-class
ignore-index-collision unscaled-input tiny-input constant-input input-mutated unshuffled-data repeated-batch
train-val-overlap leaky-preprocessing train-val-mismatch target-leak class-imbalance unscaled-target labels-mismatched
mostly-unknown-tokens label-shift batch-mixing missing-causal-mask input-ignored batchnorm-tiny-batch
batchnorm-stale-statistics poor-init dead-relu saturated-activation vanishing-gradient exploding-gradient overfitting
capacity-too-small wrong-custom-gradient
"""
"""Faults of training programs that the doctor has a name for."""

REST = """
replicas-disagree run-failed two-optimizers unused-parameters batch-noise sharpness rank-collapse constant-output
not-learning
"""
"""What else a rule may say."""

BANK, OTHERS = FAULTS.split(), REST.split()


def warning(rule, **kwargs):
    return Finding(rule, kwargs.pop("severity", "warning"), "...", **kwargs)


def test_the_table_has_no_circle():
    list(TopologicalSorter(EXPLAINS).static_order())  # raises CycleError otherwise
    assert not [
        rule for rule in EXPLAINS if rule in chain.from_iterable(EXPLAINS.get(r, ()) for r in explained(rule))
    ]


def test_the_table_names_known_rules_alone():
    own = {rule_of(check) for check in checks.OF_A_SCENE + checks.OF_A_RECORD + checks.OF_A_BAD_OUTCOME}
    named = set(EXPLAINS) | set(chain.from_iterable(EXPLAINS.values())) | set(PRIOR) | set(LAST)
    assert named <= set(BANK) | set(OTHERS) | own, named - set(BANK) - set(OTHERS) - own


def test_every_fault_has_a_line_and_a_place():
    assert set(BANK) - set(EXPLAINS) - {"overfitting"} == set()
    assert set(BANK) - set(PRIOR) - set(LAST) == set()
    assert len(set(PRIOR)) == len(PRIOR)


@pytest.mark.parametrize("rule", BANK)
def test_the_fallback_is_never_the_root_beside_a_cause_of_bad_training(rule):
    validation = {
        "train-mode-in-validation", "dropout-active-in-eval", "train-val-overlap", "leaky-preprocessing",
        "train-val-mismatch", "target-leak", "missing-causal-mask", "batchnorm-stale-statistics", "overfitting",
    }  # fmt: skip
    told = fold([warning("not-learning", symptom=True), warning(rule)])
    assert told[0].rule == rule
    assert (len(told) == 1) == (rule not in validation)


def test_a_fault_of_the_loop_explains_all_symptoms():
    told = fold(
        [warning("missing-zero-grad", severity="error"), *(warning(rule, symptom=True) for rule in DYNAMICS)]
    )
    assert [finding.rule for finding in told] == ["missing-zero-grad"]
    assert {finding.rule for finding in told[0].folded} == DYNAMICS
    assert told[0].folded[-1].rule == "not-learning"


def test_chains_fold_under_their_beginning():
    told = fold([warning(rule) for rule in ("not-learning", "vanishing-gradient", "dead-relu", "poor-init")])
    assert [(f.rule, [g.rule for g in f.folded]) for f in told] == [
        ("poor-init", ["dead-relu", "vanishing-gradient", "not-learning"])
    ]


def test_a_cause_is_as_grave_as_what_it_explains():
    told = fold([warning("class-imbalance"), warning("non-finite", severity="error"), warning("poor-init")])
    assert [finding.rule for finding in told] == ["poor-init", "class-imbalance"]


def test_a_note_hides_no_warning():
    told = fold([warning("unscaled-input", severity="note"), warning("saturated-activation", symptom=True)])
    assert [finding.rule for finding in told] == ["saturated-activation", "unscaled-input"]


def test_facts_come_before_symptoms_and_what_is_surer_first():
    rules = [
        ("overfitting", True),
        ("lr-too-high", True),
        ("train-val-overlap", False),
        ("missing-step", False),
    ]
    told = fold([warning(rule, symptom=symptom) for rule, symptom in rules])
    assert [finding.rule for finding in told] == ["missing-step", "train-val-overlap", "overfitting"]
    assert [finding.rule for finding in told[0].folded] == ["lr-too-high"]
