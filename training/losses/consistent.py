"""Consistent loss L_CL, Eq. 4: from the FEB to the main branch; in Table 7 also from the SAB."""

from __future__ import annotations

from torch import Tensor

from training.losses.unit import unit


def consistent_loss(student: Tensor, teacher: Tensor, *, normalised: bool = False) -> Tensor:
    """‖f_G − sg(f_E)‖² of Eq. 4, averaged over the batch.

    student: f_G (N, c). teacher: f_E (N, c), detached here ("by detaching", Sec. 3.2). As f_E = f_F + f_G, the value is
    ‖f_F‖² and the gradient −2 f_F: as written it never reaches 0. normalised: both of length 1 first, which does.
    Returns a scalar.
    """
    teacher = teacher.detach()
    if normalised:
        student, teacher = unit(student), unit(teacher)
    return (student - teacher).square().sum(dim=1).mean()
