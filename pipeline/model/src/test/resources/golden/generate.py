"""Golden numbers of a tiny Qwen3-MoE, computed with Hugging Face Transformers and PyTorch in float64.

    python -m venv venv && venv/bin/pip install torch transformers safetensors
    venv/bin/python generate.py            # rewrites the four files beside this script

model.safetensors  initial weights, float32, under the names of the checkpoints on the hub
gradients.f64      gradient of the first batch's mean loss with respect to every parameter:
                   little-endian float64, one parameter after the other in the order of golden.json
log_probabilities.f64  [17, 97] of the first batch's first sequence, little-endian float64
golden.json        config, versions, batches, losses

Transformers casts to float32 inside norms, softmaxes and rotary angles whatever the model's type.
`float64_modeling` therefore loads its modelling source with those casts widened, so that the numbers
are good to about 1e-15 and a test may ask for 1e-10; the unchanged source must agree to float32.

Sequences are packed: a document never sees its predecessor. Here every document runs through the
model alone, so no attention mask has a part in what these numbers mean.
"""

import importlib.util
import json
import math
import pathlib
import re
import sys
import tempfile

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers.models.qwen3_moe import modeling_qwen3_moe

HERE = pathlib.Path(__file__).parent
SEED = 18  # of 24 tried, the one whose closest choice of experts is furthest from a tie
LENGTH = 17  # of a sequence; also max_position_embeddings
SEQUENCES = 3
STEPS = 20
CONFIG = dict(
    vocab_size=97,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    num_experts=6,
    num_experts_per_tok=2,
    moe_intermediate_size=11,
    intermediate_size=11,
    norm_topk_prob=True,
    max_position_embeddings=LENGTH,
    rope_parameters={"rope_type": "default", "rope_theta": 500.0},
    rms_norm_eps=1e-6,
    tie_word_embeddings=False,
)
OPTIMIZER = dict(
    learning_rate=1e-2, beta1=0.9, beta2=0.95, epsilon=1e-8, weight_decay=0.1, clip_norm=1.0
)


def float64_modeling():
    """The modelling module with every float32 that it mentions turned into float64."""
    source = pathlib.Path(modeling_qwen3_moe.__file__).read_text()
    source = re.sub(r"\btorch\.float(32)?\b", "torch.float64", source)
    source = source.replace(".float()", ".double()")
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "modeling_qwen3_moe.py")
        path.write_text(source)
        name = modeling_qwen3_moe.__name__ + "_float64"  # a sibling, so relative imports hold
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module


def build(module):
    config = transformers.Qwen3MoeConfig(**CONFIG)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    return module.Qwen3MoeForCausalLM(config).double().train()


def draw_weights(model, generator):
    """Weights that float32 holds exactly, wide enough that routing and attention are not uniform."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            if parameter.dim() == 1:
                draw = 1 + 0.25 * draw  # norms, moved off 1
            elif name.endswith("mlp.gate.weight"):
                draw = draw / math.sqrt(CONFIG["hidden_size"]) * 2
            else:
                draw = 0.3 * draw
            parameter.copy_(draw)


def draw_batch(generator):
    """Packed sequences: the first is one document, the others two or three, some of one token."""

    def below(limit):
        return int(torch.randint(limit, (), generator=generator))

    inputs, targets, starts = [], [], []
    for sequence in range(SEQUENCES):
        tokens = [below(CONFIG["vocab_size"]) for _ in range(LENGTH + 1)]
        cuts = sorted({1 + below(LENGTH - 1) for _ in range(sequence)})
        bounds = [0, *cuts, LENGTH]
        for start, end in zip(bounds, bounds[1:]):
            starts += [start] * (end - start)
            # The last token of a document that another follows has no target.
            last = tokens[LENGTH] if end == LENGTH else -1
            targets += tokens[start + 1 : end] + [last]
        inputs += tokens[:LENGTH]
    return dict(inputs=inputs, targets=targets, document_start=starts)


def documents(batch):
    """(from, to) of every document, counted over the whole batch."""
    starts = batch["document_start"]
    first = [t for t, s in enumerate(starts) if t % LENGTH == s]
    return list(zip(first, first[1:] + [len(starts)]))


def logits_of(model, batch):
    """[T, V], every document on its own."""
    ids = torch.tensor(batch["inputs"])
    return torch.cat(
        [model(input_ids=ids[None, a:b], use_cache=False).logits[0] for a, b in documents(batch)]
    )


def losses_of(logits, batch):
    """[T] nats; 0 where there is no target."""
    return F.cross_entropy(
        logits, torch.tensor(batch["targets"]), reduction="none", ignore_index=-1
    )


def mean_loss(losses, batch):
    return losses.sum() / sum(target >= 0 for target in batch["targets"])


def per_expert(named):
    """The hub's names and shapes: Transformers 5 holds a layer's experts in two fused tensors."""
    tensors = {}
    for name, tensor in named:
        tensor = tensor.detach()
        prefix, _, projection = name.rpartition(".experts.")
        if projection == "gate_up_proj":
            for expert, fused in enumerate(tensor):
                gate, up = fused.chunk(2)
                tensors[f"{prefix}.experts.{expert}.gate_proj.weight"] = gate
                tensors[f"{prefix}.experts.{expert}.up_proj.weight"] = up
        elif projection == "down_proj":
            for expert, down in enumerate(tensor):
                tensors[f"{prefix}.experts.{expert}.down_proj.weight"] = down
        else:
            tensors[name] = tensor
    return tensors


class RoutingWatch:
    """Tokens per expert of a pass, and the closest that any choice of experts ever was."""

    def __init__(self, model):
        self.margin = math.inf
        self.clear()
        for layer, block in enumerate(model.model.layers):
            block.mlp.gate.register_forward_hook(
                lambda _, __, output, layer=layer: self.see(layer, output)
            )

    def clear(self):
        self.counts = torch.zeros(CONFIG["num_hidden_layers"], CONFIG["num_experts"]).long()

    def see(self, layer, output):
        logits, _, chosen = output
        ordered = logits.detach().sort(descending=True).values
        k = CONFIG["num_experts_per_tok"]
        self.margin = min(self.margin, float((ordered[:, k - 1] - ordered[:, k]).min()))
        self.counts[layer] += torch.bincount(chosen.flatten(), minlength=CONFIG["num_experts"])


def train(model, batches):
    """Losses and gradient norms of AdamW steps, one batch each."""
    o = OPTIMIZER
    parameters = list(model.parameters())
    groups = [
        dict(params=[p for p in parameters if p.dim() > 1], weight_decay=o["weight_decay"]),
        dict(params=[p for p in parameters if p.dim() == 1], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=o["learning_rate"], betas=(o["beta1"], o["beta2"]), eps=o["epsilon"]
    )
    losses, norms = [], []
    for batch in batches:
        optimizer.zero_grad(set_to_none=False)
        loss = mean_loss(losses_of(logits_of(model, batch), batch), batch)
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in parameters))
        # By hand: torch's clip_grad_norm_ divides by norm + 1e-6, which is no clipping to 1.
        for p in parameters:
            p.grad *= min(1.0, o["clip_norm"] / float(norm))
        optimizer.step()
        losses.append(loss.item())
        norms.append(float(norm))
    return losses, norms


def write_doubles(file, tensors):
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    (HERE / file).write_bytes(flat.numpy().astype("<f8").tobytes())


def check_against_unchanged_source(model, batch, losses):
    unchanged = build(modeling_qwen3_moe)
    unchanged.load_state_dict(model.state_dict())
    error = (losses_of(logits_of(unchanged, batch), batch) - losses).abs().max().item()
    assert 0 < error < 1e-4, f"widening the casts moved a loss by {error}"
    return error


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(SEED)
    model = build(float64_modeling())
    draw_weights(model, generator)
    batches = [draw_batch(generator) for _ in range(STEPS)]
    weights = per_expert(model.named_parameters())
    save_file(
        {name: tensor.float().contiguous() for name, tensor in weights.items()},
        HERE / "model.safetensors",
        metadata={"format": "pt"},
    )

    watch = RoutingWatch(model)
    first = batches[0]
    logits = logits_of(model, first)
    losses = losses_of(logits, first)
    expert_tokens = watch.counts.tolist()
    float32_error = check_against_unchanged_source(model, first, losses.detach())
    mean_loss(losses, first).backward()
    gradients = per_expert((name, p.grad) for name, p in model.named_parameters())
    write_doubles("gradients.f64", gradients.values())
    write_doubles("log_probabilities.f64", [logits[:LENGTH].log_softmax(-1).detach()])
    training_losses, gradient_norms = train(model, batches)

    golden = dict(
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        seed=SEED,
        float32_casts_move_a_loss_by=float32_error,
        smallest_routing_margin=watch.margin,
        config=CONFIG,
        optimizer=OPTIMIZER,
        batches=batches,
        losses=losses.tolist(),
        expert_tokens=expert_tokens,
        training_losses=training_losses,
        gradient_norms=gradient_norms,
        gradients=list(gradients),
    )
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (HERE / "golden.json").write_text("{\n" + lines + "\n}\n")
    print(f"routing margin {watch.margin:.2e}, losses {training_losses[0]} .. {training_losses[-1]}")


if __name__ == "__main__":
    main()
