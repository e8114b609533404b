"""The Llama architecture: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings."""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    vocab: int
    layers: int = 4
    hidden: int = 128
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 32
    ffn: int = 384
    rope_theta: float = 1e4
    rms_eps: float = 1e-5
    max_positions: int = 8192


def rotary_tables(positions, config):
    """Cosines and sines for positions [batch, tokens], each [batch, 1, tokens, head_dim]."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    angles = positions.float().unsqueeze(-1) * config.rope_theta**-exponents
    angles = torch.cat([angles, angles], -1).unsqueeze(1)
    return angles.cos(), angles.sin()


def rotate(x, tables):
    """Rotates elements i and i + head_dim / 2 of x [batch, heads, tokens, head_dim] by an angle."""
    cos, sin = (table.to(x.dtype) for table in tables)
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat([-high, low], -1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.q_proj = nn.Linear(config.hidden, config.heads * config.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden, config.kv_heads * config.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden, config.kv_heads * config.head_dim, bias=False)
        self.o_proj = nn.Linear(config.heads * config.head_dim, config.hidden, bias=False)

    def project(self, x, tables):
        """Queries [batch, heads, tokens, head_dim], keys and values [batch, kv_heads, tokens, head_dim]."""

        def split(y):
            return y.unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)

        return (
            rotate(split(self.q_proj(x)), tables),
            rotate(split(self.k_proj(x)), tables),
            split(self.v_proj(x)),
        )

    def attend(self, query, key, value, **mask):
        group = self.config.heads // self.config.kv_heads
        key, value = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1)
        mixed = F.scaled_dot_product_attention(query, key, value, **mask)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))

    def forward(self, x, tables):
        return self.attend(*self.project(x, tables), is_causal=True)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden, config.ffn, bias=False)
        self.up_proj = nn.Linear(config.hidden, config.ffn, bias=False)
        self.down_proj = nn.Linear(config.ffn, config.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden, config.rms_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden, config.rms_eps)
        self.mlp = FeedForward(config)

    def forward(self, x, tables):
        x = x + self.self_attn(self.input_layernorm(x), tables)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Modules are named as in Hugging Face's LlamaModel: a checkpoint's names less the "model." prefix."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab, config.hidden)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.hidden, config.rms_eps)
        self._initialise()

    def _initialise(self):
        residual_scale = 1 / math.sqrt(2 * self.config.layers)
        for name, weight in self.named_parameters():
            if weight.ndim != 2:
                continue
            std = 0.05 if name.startswith("embed") else 0.5 / math.sqrt(weight.shape[1])
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                std *= residual_scale
            nn.init.normal_(weight, std=std)

    def hidden_states(self, tokens, positions):
        """The residual stream after each block, [batch, tokens, hidden]; the last one normalised."""
        tables = rotary_tables(positions, self.config)
        x = self.embed_tokens(tokens)
        states = []
        for layer in self.layers:
            x = layer(x, tables)
            states.append(x)
        states[-1] = self.norm(x)
        return states

    def logits(self, state):
        return F.linear(state, self.embed_tokens.weight)
