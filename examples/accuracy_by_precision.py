"""What four small CNNs lose by precision: trained on scikit-learn's digits, scored on tflite and openvino.

    pip install "nnbehave[all]" scikit-learn
    python examples/accuracy_by_precision.py            # some two minutes

The blocks are those that the paper's finding 6 speaks of: plain convolutions, depthwise ones with ReLU6 (MobileNetV2),
the same with squeeze-and-excitation and hard swish (MobileNetV3), and residual ones (ResNet). Digits are too easy to
say what ImageNet would lose; what is shown is how to ask.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import nnbehave as nb

WIDTH = 24  # channels


def plain(x: Any, k: Any) -> Any:
    return k.layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)


def inverted(x: Any, k: Any, activation: str = "relu6", squeeze: bool = False) -> Any:
    y = k.layers.Conv2D(4 * WIDTH, 1)(x)
    y = k.layers.Activation(activation)(k.layers.BatchNormalization(momentum=0.9)(y))
    y = k.layers.DepthwiseConv2D(3, padding="same")(y)
    y = k.layers.Activation(activation)(k.layers.BatchNormalization(momentum=0.9)(y))
    if squeeze:
        scale = k.layers.GlobalAveragePooling2D(keepdims=True)(y)
        scale = k.layers.Conv2D(WIDTH, 1, activation="relu")(scale)
        y = k.layers.Multiply()([y, k.layers.Conv2D(4 * WIDTH, 1, activation="hard_sigmoid")(scale)])
    return k.layers.Add()([x, k.layers.BatchNormalization(momentum=0.9)(k.layers.Conv2D(WIDTH, 1)(y))])


def residual(x: Any, k: Any) -> Any:
    y = k.layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)
    return k.layers.Activation("relu")(k.layers.Add()([x, k.layers.Conv2D(WIDTH, 3, padding="same")(y)]))


BLOCKS: dict[str, Callable[[Any, Any], Any]] = {
    "plain": plain,
    "mobilenet_v2": inverted,
    "mobilenet_v3": lambda x, k: inverted(
        x, k, "hard_swish" if hasattr(k.activations, "hard_swish") else "swish", True
    ),
    "resnet": residual,
}


def network(block: Callable[[Any, Any], Any], k: Any) -> Any:
    x = given = k.Input((8, 8, 1))
    x = k.layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)
    for _ in range(3):
        x = block(x, k)
    return k.Model(given, k.layers.Dense(10)(k.layers.GlobalAveragePooling2D()(x)))


def main(arguments: list[str] | None = None) -> dict[str, nb.Accuracy]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--block", action="append", choices=BLOCKS, help="may be repeated; by default all")
    parser.add_argument("--platform", action="append", help="may be repeated; by default tflite and openvino")
    given = parser.parse_args(arguments)

    import tensorflow as tf
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[..., None] / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1000], order[1000:]
    found = {}
    for name in given.block or BLOCKS:
        tf.keras.utils.set_random_seed(0)
        model = network(BLOCKS[name], tf.keras)
        loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(tf.keras.optimizers.Adam(3e-3), loss)
        model.fit(images[train], digits.target[train], epochs=given.epochs, batch_size=64, verbose=0)

        def evaluate(predict: Callable[[Any], Any]) -> Any:
            return predict(images[test]).argmax(axis=1) == digits.target[test]

        platforms = given.platform or ["tflite", "openvino"]
        found[name] = nb.accuracy_by_precision(model, evaluate, platforms=platforms, representative=images[train])
        print(f"{name}\n{found[name]}\n", flush=True)
    return found


if __name__ == "__main__":
    main()
