"""Huffman codes: the binary tree over the words whose paths are shortest in the mean over a text."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from seqcli.data.examples import AnyArray, IntArray


@dataclass(frozen=True)
class Tree:
    """Paths from the root to V words. Inner nodes are numbered by falling count: the root is 0, a parent comes before its children."""

    starts: IntArray  # (V + 1,) where each word's path begins in the others
    nodes: AnyArray  # (P,) inner nodes of all paths, end to end, from the root on
    labels: AnyArray  # (P,) 1 where a path goes to the first child, else 0

    @classmethod
    def of(cls, counts: IntArray) -> Tree:
        """The tree for words with these counts.

        >>> tree = Tree.of(np.array([5, 2, 1]))
        >>> tree.code(0), tree.code(1), tree.code(2), tree.nodes.tolist()
        ([0], [1, 0], [1, 1], [0, 0, 1, 0, 1])
        """
        size = len(counts)
        heap = [(int(count), number) for number, count in enumerate(counts)]
        heapify(heap)
        weight, parent, side = [0] * (2 * size - 1), [0] * (2 * size - 1), [0] * (2 * size - 1)
        for new in range(size, 2 * size - 1):
            (light, first), (heavy, second) = heappop(heap), heappop(heap)
            parent[first] = parent[second] = new
            side[first] = 1
            weight[new] = light + heavy
            heappush(heap, (light + heavy, new))
        inner = range(size, 2 * size - 1)
        order = sorted(inner, key=lambda node: (-weight[node], -node))  # of equal ones the later is nearer to the root
        place = {node: number for number, node in enumerate(order)}
        starts, nodes, labels = [0], list[int](), list[int]()
        for word in range(size):
            path, at = [], word
            while at != 2 * size - 2:
                path.append((place[parent[at]], side[at]))
                at = parent[at]
            nodes.extend([node for node, _ in reversed(path)])
            labels.extend([label for _, label in reversed(path)])
            starts.append(len(nodes))
        return cls(np.array(starts), np.array(nodes, dtype=np.int64), np.array(labels, dtype=np.float32))

    def code(self, word: int) -> list[int]:
        """The bits of a word."""
        return [int(label) for label in self.labels[self.starts[word] : self.starts[word + 1]]]

    def top(self, size: int) -> AnyArray:
        """For each word which of the first `size` nodes are on its path with label 1, then which are at all, (V, 2 size)."""
        found = np.zeros((len(self.starts) - 1, 2 * size), dtype=np.float32)
        word = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        here = self.nodes < size
        found[word[here], self.nodes[here]] = self.labels[here]
        found[word[here], size + self.nodes[here]] = 1
        return found

    def below(self, size: int) -> Tree:
        """The paths without the first `size` nodes."""
        deep = self.nodes >= size
        before = np.append(0, np.cumsum(deep))
        return Tree(before[self.starts], self.nodes[deep], self.labels[deep])
