"""What first-order MAML leaves out: the two meta-gradients side by side."""

import torch
from torch import Tensor

from models_py.meta.batches import PART, MetaBatch, in_parts
from models_py.meta.learner import METHODS, MetaConfig, MetaLearner
from models_py.meta.protocol import AdaptableNetwork
from models_py.meta.tasks import Tasks, lay_out


def compare_orders(
    network: AdaptableNetwork, tasks: Tasks, config: MetaConfig
) -> dict[str, float]:
    """The first- against the second-order meta-gradient at the network's weights.

    Returns:
        `inner_rate`, `inner_steps`; `cosine` of the two gradients; and
        `relative_difference`, |first - second| / |second|.
    """
    parts = [tasks.take(rows) for rows in in_parts(tasks, PART)]
    batch = MetaBatch([lay_out(part, network.config.max_length) for part in parts])
    first, second = (_gradient(network, batch, config, n) for n in ("fomaml", "maml"))
    difference = (first - second).norm() / second.norm()
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=0)
    return {
        "inner_rate": config.inner_rate,
        "inner_steps": config.inner_steps,
        "cosine": float(cosine),
        "relative_difference": float(difference),
    }


def _gradient(
    network: AdaptableNetwork, batch: MetaBatch, config: MetaConfig, method: str
) -> Tensor:
    n_items = network.output.out_features
    model = MetaLearner(n_items, config, network=network, method=METHODS[method])
    weights = list(network.parameters())
    device = weights[0].device
    gradients = torch.autograd.grad(model.loss(batch.to(device)), weights)
    return torch.cat([gradient.flatten() for gradient in gradients])
