"""Drawn pedestrians with true key points: licence-clean, seeded, for the demo, the tests and the docs.

numpy and Pillow only, so that the service's environment can draw them too.
"""

from training.data.synthetic.crop import Crop, draw_crop
from training.data.synthetic.dataset import draw_dataset, read_manifest
from training.data.synthetic.skeleton import COCO_KEYPOINTS
from training.data.synthetic.view import Camera, draw_cameras
from training.data.synthetic.wardrobe import Person, draw_people

__all__ = [
    "COCO_KEYPOINTS",
    "Camera",
    "Crop",
    "Person",
    "draw_cameras",
    "draw_crop",
    "draw_dataset",
    "draw_people",
    "read_manifest",
]
