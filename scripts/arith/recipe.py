"""The recipe of the model that is committed in datasets/arith/model."""

from arith.model import ModelConfig
from arith.texts import TaskShape
from arith.tokenizer import VOCABULARY
from arith.trainer import Phase, Recipe

CONFIG = ModelConfig(vocab=len(VOCABULARY), max_positions=8192)

# Few questions until look-ups and sums are learned, then more, in longer texts. Positions reach
# max_positions, texts about 3,100 tokens.
RECIPE = Recipe(
    phases=(
        Phase("short", 800, TaskShape((3, 10), 1024, (0, 0, 0.3), 3072), copy_share=0.1),
        Phase("middle", 900, TaskShape((4, 24), 4096, (0, 0, 0.3, 1), 4096), copy_share=0.05),
        Phase("long", 1300, TaskShape((6, 99), CONFIG.max_positions, (0, 0, 0.3, 1), 6144), copy_share=0.02),
    )
)
