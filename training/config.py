"""Every choice of a training run, with its default: the paper's where it says one, else as docs/training.md explains.

All of it is stored in the checkpoint, so nothing must be remembered to load, resume or repeat a run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from reid_contract import PreprocessSpec
from training.data.augment import AugmentConfig
from training.pose.estimators import EstimatorName


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The network of Sec. 3 (training/model). Defaults give Model-6 of Table 6, the final scheme."""

    backbone: str = "resnet50"
    """any convolutional timm model; its width must be divisible by K = 8"""
    weights: str = "imagenet"
    """imagenet (in a package for EfficientNet-Lite0, downloaded from timm's hub for others), none, or a local .pth or
    .safetensors file"""
    last_stride: Literal[1, 2] = 1
    """of the last stage; 1 doubles the feature map's height and width"""
    separate_part_stage: bool = False
    """a second copy of the last stage feeds FEB and SAB"""
    feb: bool = True
    """the foreground-enhanced branch (Table 6, FEB column S)"""
    sab: bool = True
    """the body part semantics aligned branch (Table 6, SAB column S)"""
    interaction: bool = True
    """SAB is supervised on f_V = f_G + f_P (Table 6, column I), else on f_P"""
    heatmap_merge: Literal["sum", "max"] = "sum"
    """of key points within a group"""
    heatmap_scale: float = 10.0
    """H_k is the softmax over space of this times the heat map"""
    part_pooling: Literal["sum", "mean"] = "sum"
    """g in Eq. 1; H_k sums to 1 already, `mean` divides by h·w once more"""
    attention: Literal["cosine", "dot"] = "cosine"
    """similarity in Eq. 2; the text says cosine, the equation writes a dot product"""
    attention_temperature: float = 0.1
    """cosines in Eq. 2 are divided by it"""
    test_feature: Literal["after-neck", "before-neck"] = "after-neck"
    """what crops are matched by"""

    def __post_init__(self) -> None:
        _above_zero(self, "attention_temperature")
        _zero_or_more(self, "heatmap_scale")

    @property
    def needs_pose(self) -> bool:
        """Whether training needs heat maps: all schemes but the Baseline."""
        return self.feb or self.sab


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Eq. 10 and its terms (training/losses)."""

    label_smoothing: float = 0.1
    """of the identity loss"""
    triplet: Literal["margin", "soft-margin"] = "margin"
    """batch-hard triplet loss with a hinge at `margin`, or its soft version"""
    margin: float = 0.3
    """of the triplet loss, in Euclidean distance"""
    triplet_on: Literal["raw", "normalised"] = "raw"
    """distances before the neck, or between features of length 1, where every branch weighs the same"""
    consistent: bool = True
    """L_CL from FEB to MB, Eq. 4 (Table 6, column C)"""
    consistent_on: Literal["raw", "normalised"] = "raw"
    """Eq. 4 as written, or between features of length 1"""
    sab_distillation: Literal["contrastive", "consistent", "none"] = "contrastive"
    """from SAB to MB: L_MCL, Eq. 5 (Table 6, column M), or Table 7's alternative"""
    similarity: Literal["cosine", "dot"] = "cosine"
    """between channel groups in Eq. 5"""
    temperature: float = 0.07
    """similarities in Eq. 5 are divided by it"""
    part_reduction: Literal["mean", "sum"] = "mean"
    """over the K parts in Eq. 5"""
    lambda_cl: float = 0.25
    """weight of L_CL in Eq. 10"""
    lambda_mcl: float = 0.25
    """weight of L_MCL in Eq. 10, and of Table 7's alternative"""
    branch_weight: float = 1.0
    """weight of L_ReID^E and L_ReID^V in Eq. 10"""
    branch_warmup_epochs: int = 0
    """everything but L_ReID^G grows linearly from 0 over so many epochs"""

    def __post_init__(self) -> None:
        _above_zero(self, "temperature")
        for name in ("margin", "lambda_cl", "lambda_mcl", "branch_weight", "branch_warmup_epochs"):
            _zero_or_more(self, name)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing is {self.label_smoothing}; allowed: 0 to below 1")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run. Defaults are those of Sec. 4.2 and of the Bag of Tricks baseline [28]."""

    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    start: str = ""
    """a checkpoint of the same network whose weights the run starts from; other persons need other classifiers, which
    then start anew"""
    dataset: str = "market1501"
    """as `load_dataset` knows it"""
    hold_out: float = 0.0
    """share of the training persons kept out, for `calibrate --held-out` with the same share"""
    height: int = 384
    """of the network's input, in pixels"""
    width: int = 128
    """of the network's input, in pixels"""
    growth: tuple[str, ...] = ()
    """smaller inputs first: "128x64:10,192x96:8" is 10 epochs at 128×64, then 8 at 192×96, the rest at full size"""
    identities: int = 4
    """P, identities in a batch"""
    images: int = 16
    """K of P×K, crops of each identity in a batch"""
    epochs: int = 120
    """an epoch draws every identity about as often as it has crops"""
    optimiser: Literal["adam", "adamw"] = "adam"
    """Adam adds the weight decay to the gradient as [28] does, AdamW decouples it"""
    learning_rate: float = 3.5e-4
    """after warm-up"""
    weight_decay: float = 5e-4
    """of all weights but biases and normalisation layers"""
    warmup_epochs: float = 10
    """the learning rate grows linearly to its value"""
    schedule: Literal["step", "cosine"] = "step"
    """×0.1 at every milestone, or a cosine to 0 at the end"""
    milestones: tuple[int, ...] = (30, 70)
    """epochs at which the step schedule falls"""
    ema: float = 0.0
    """decay of a moving average of the weights, which is then what is evaluated and exported; 0 is off"""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast on a GPU, fp32 on the CPU"""
    teachers_see: Literal["the-crop", "unhidden"] = "the-crop"
    """FEB and SAB look at what the main branch sees, as in the paper, or at the crop before erasing and patches hid
    some of it, at more than twice the cost of a step; of no effect without FEB and SAB"""
    pose: Literal["cache", "online"] = "cache"
    """heat maps made once and moved with the augmentation, or a frozen estimator run on every augmented crop"""
    estimator: EstimatorName = "movenet"
    """of key points, for `online`, and for a cache that the run has to make itself"""
    estimator_weights: str = ""
    """the estimator's checkpoint; needed for HRNet"""
    gradient_norms_every: int = 0
    """steps between measurements of how hard each loss term pulls on the trunk, for TensorBoard; 0 is off"""
    evaluate_every: int = 0
    """epochs between evaluations on the data set's own test split; 0 is at the end only"""
    seed: int = 0
    """of weights, batches and augmentation"""

    def __post_init__(self) -> None:
        for name in ("height", "width", "identities", "images", "epochs", "learning_rate"):
            _above_zero(self, name)
        for name in ("weight_decay", "warmup_epochs", "gradient_norms_every", "evaluate_every", "seed"):
            _zero_or_more(self, name)
        if self.identities < 2 or self.images < 2:
            raise ValueError(
                f"a batch of {self.identities} identities × {self.images} images has no triplets; allowed: from 2 × 2"
            )
        if not 0 <= self.hold_out < 1:
            raise ValueError(f"hold_out is {self.hold_out}; allowed: 0 to below 1")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema is {self.ema}; allowed: 0 (off) to below 1")
        self._check_growth()
        if self.pose == "online" and self.model.needs_pose:
            self._check_online_sizes()

    def _check_online_sizes(self) -> None:
        for height, width in [_phase(phase)[:2] for phase in self.growth] + [(self.height, self.width)]:
            if height % 32 or width % 32:
                raise ValueError(f"the input is {height}×{width}; allowed for pose=online: multiples of 32, its step")

    def _check_growth(self) -> None:
        epochs = 0
        for phase in self.growth:
            sides_and_epochs = _phase(phase)
            if min(sides_and_epochs) < 1:
                raise ValueError(f"growth has {phase!r}; allowed: numbers from 1, such as 128x64:10")
            epochs += sides_and_epochs[2]
        if self.growth and epochs >= self.epochs:
            raise ValueError(
                f"growth takes {epochs} of {self.epochs} epochs, so none is left at {self.height}×{self.width}; "
                "allowed: fewer, or --growth= for none"
            )

    @property
    def spec(self) -> PreprocessSpec:
        """What the finished model expects of its input."""
        return PreprocessSpec(height=self.height, width=self.width)

    @property
    def batch_size(self) -> int:
        """Crops in a batch over all processes, P·K."""
        return self.identities * self.images

    @property
    def two_views(self) -> bool:
        """Whether every batch has its crops twice: as the main branch sees them, and as its teachers do."""
        return self.teachers_see == "unhidden" and self.model.needs_pose

    def size_at(self, epoch: int) -> tuple[int, int]:
        """(height, width) of the network's input in an epoch counted from 0, as `growth` says."""
        end = 0
        for phase in self.growth:
            height, width, epochs = _phase(phase)
            end += epochs
            if epoch < end:
                return height, width
        return self.height, self.width


def _phase(text: str) -> tuple[int, int, int]:
    try:
        size, epochs = text.split(":")
        height, width = size.split("x")
        return int(height), int(width), int(epochs)
    except ValueError:
        raise ValueError(f"growth has {text!r}; allowed: HEIGHTxWIDTH:EPOCHS, such as 128x64:10") from None


def _above_zero(config: object, name: str) -> None:
    if not 0 < getattr(config, name) < math.inf:
        raise ValueError(f"{name} is {getattr(config, name)}; allowed: above 0")


def _zero_or_more(config: object, name: str) -> None:
    if not 0 <= getattr(config, name) < math.inf:
        raise ValueError(f"{name} is {getattr(config, name)}; allowed: 0 or more")
