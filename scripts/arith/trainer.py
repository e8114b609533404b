"""The recipe of a training run, one step of it, and the state from which the next step follows."""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from arith.batches import IGNORED, copy_batch, task_batch
from arith.grammar import MAX_NUMBER, Role
from arith.model import Llama
from arith.optimiser import Muon
from arith.texts import TaskShape, training_rng


@dataclasses.dataclass(frozen=True)
class Phase:
    name: str
    steps: int
    task: TaskShape
    copy_share: float  # of the batches: bare induction instead of the task


@dataclasses.dataclass(frozen=True)
class Recipe:
    phases: tuple
    matrix_learning_rate: float = 0.01  # Muon, for the blocks' matrices
    other_learning_rate: float = 3e-3  # AdamW, for embeddings and norms
    warmup_steps: int = 50
    decay_from: float = 0.4  # share of all steps after which the rate falls, along a cosine
    final_rate: float = 0.02  # what it falls to
    line_loss_weight: float = 0.3

    @property
    def steps(self):
        return sum(phase.steps for phase in self.phases)

    def phase_at(self, step):
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        raise ValueError(f"the recipe ends before step {step}")

    def rate_at(self, step):
        """The learning rate's factor, 0..1."""
        warmup = min(1, (step + 1) / self.warmup_steps)
        progress = (step / self.steps - self.decay_from) / (1 - self.decay_from)
        cosine = 0.5 * (1 + math.cos(math.pi * max(0, progress)))
        return warmup * (self.final_rate + (1 - self.final_rate) * cosine)


class LineProbe(nn.Module):
    """Reads from the residual stream after the second block which line a token stands in. Training only.

    To copy from line n, a token must know that it answers line n, and the prompt's tokens that they belong
    to it: a value does not tell, since values recur. What asking for the number changes is measured in
    datasets/arith/README.md.
    """

    BLOCK = 1

    def __init__(self, hidden):
        super().__init__()
        self.number = nn.Linear(hidden, MAX_NUMBER + 1)

    def loss(self, states, lines):
        inside = lines != IGNORED
        state = states[self.BLOCK][inside].float()
        return F.cross_entropy(self.number(F.rms_norm(state, state.shape[-1:])), lines[inside])


@dataclasses.dataclass
class Tally:
    """Loss and hits by role, summed over steps."""

    tokens: int = 0
    counts: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(len(Role)))
    losses: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(len(Role)))
    hits: torch.Tensor = dataclasses.field(default_factory=lambda: torch.zeros(len(Role)))

    def add(self, roles, losses, hits, tokens):
        self.tokens += tokens
        for total, values in (
            (self.counts, torch.ones_like(losses)),
            (self.losses, losses),
            (self.hits, hits),
        ):
            total.index_add_(0, roles, values)

    def summary(self):
        """Mean loss, and percent of tokens predicted right by role (roles not seen left out)."""
        seen = [role for role in Role if self.counts[role]]
        percent = {
            role.name.lower(): round((100 * self.hits[role] / self.counts[role]).item(), 1) for role in seen
        }
        return {"loss": round((self.losses.sum() / self.counts.sum()).item(), 4), "percent_by_role": percent}


class Trainer:
    def __init__(self, config, recipe, seed):
        torch.manual_seed(seed)
        self.recipe = recipe
        self.seed = seed
        self.step = 0
        self.tokens = 0
        self.model = Llama(config)
        self._probe = LineProbe(config.hidden)
        matrices = [
            p for name, p in self.model.named_parameters() if name.startswith("layers") and p.ndim == 2
        ]
        others = [
            p for name, p in self.model.named_parameters() if not name.startswith("layers") or p.ndim != 2
        ]
        self._clipped = others + list(self._probe.parameters())
        self._optimisers = [
            (Muon(matrices, recipe.matrix_learning_rate), recipe.matrix_learning_rate),
            (
                torch.optim.AdamW(
                    self._clipped, recipe.other_learning_rate, betas=(0.9, 0.98), weight_decay=0.0
                ),
                recipe.other_learning_rate,
            ),
        ]

    def _batch(self):
        phase = self.recipe.phase_at(self.step)
        rng = training_rng(self.seed, self.step)
        return copy_batch(rng) if rng.random() < phase.copy_share else task_batch(rng, phase.task)

    def train_step(self, tally):
        batch = self._batch()
        asked = batch.targets != IGNORED
        targets, roles = batch.targets[asked], batch.roles[asked]
        with torch.autocast("cpu", torch.bfloat16):
            states = self.model.hidden_states(batch.tokens, batch.positions)
            logits = self.model.logits(states[-1][asked]).float()
        losses = F.cross_entropy(logits, targets, reduction="none")
        loss = losses.mean()
        if (batch.lines != IGNORED).any():
            loss = loss + self.recipe.line_loss_weight * self._probe.loss(states, batch.lines)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in self._clipped if p.grad is not None], 1.0)
        rate = self.recipe.rate_at(self.step)
        for optimiser, base in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = base * rate
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1
        self.tokens += batch.tokens.numel()
        tally.add(roles, losses.detach(), (logits.argmax(-1) == targets).float(), batch.tokens.numel())

    def state_dict(self):
        """All that a later step depends on. Of random numbers that is the seed: batches follow from it."""
        return {
            "seed": self.seed,
            "step": self.step,
            "tokens": self.tokens,
            "model": self.model.state_dict(),
            "probe": self._probe.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser, _ in self._optimisers],
        }

    def load_state_dict(self, state):
        if state["seed"] != self.seed:
            raise ValueError(f"the checkpoint's seed is {state['seed']}, this run's is {self.seed}")
        self.step, self.tokens = state["step"], state["tokens"]
        self.model.load_state_dict(state["model"])
        self._probe.load_state_dict(state["probe"])
        for (optimiser, _), saved in zip(self._optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
