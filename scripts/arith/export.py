"""The model as a Hugging Face folder: config.json, model.safetensors in fp16, and the tokenizer's files."""

import hashlib
import json

import torch
from safetensors.torch import load_file, save

from arith import tokenizer
from arith.model import Llama, ModelConfig

_PREFIX = "model."


def _config_json(config):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.ffn,
        "vocab_size": config.vocab,
        "max_position_embeddings": config.max_positions,
        "rope_theta": config.rope_theta,
        "rms_norm_eps": config.rms_eps,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": tokenizer.BOS_ID,
        "eos_token_id": tokenizer.EOS_ID,
        "torch_dtype": "float16",
    }


def write(folder, model):
    """Writes the folder and returns the SHA-256 of model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {_PREFIX + name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    content = save(weights, metadata={"format": "pt"})
    (folder / "model.safetensors").write_bytes(content)
    (folder / "config.json").write_text(json.dumps(_config_json(model.config), indent=1) + "\n")
    tokenizer.write(folder, model.config.max_positions)
    return hashlib.sha256(content).hexdigest()


def read(folder):
    """The model of a folder made by write(), in float32."""
    config = json.loads((folder / "config.json").read_text())
    model = Llama(
        ModelConfig(
            vocab=config["vocab_size"],
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_dim=config["head_dim"],
            ffn=config["intermediate_size"],
            rope_theta=config["rope_theta"],
            rms_eps=config["rms_norm_eps"],
            max_positions=config["max_position_embeddings"],
        )
    )
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict(
        {name.removeprefix(_PREFIX): tensor.to(torch.float32) for name, tensor in weights.items()}
    )
    return model.eval()
