"""What models that learn by gradient can be told beside how to learn (`seqcli.models.learning`)."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import UsageFailure, nearest
from seqcli.models.learning import Training
from seqcli.text.codec import Settings as Units

HEADS = ("language", "tags", "crf", "class")
CELLS = ("rnn", "irnn", "gru", "lstm")
POSITIONS = ("sinusoidal", "sinusoidal-halves", "learned", "rotary")
ATTENTIONS = ("none", "bahdanau", "dot", "general", "concat")


@dataclass(frozen=True)
class Neural(Training, Units):
    """What all are told."""

    head: str = ""  # language (what comes next), tags, crf (tags as a chain) or class; by the training data where it is not said
    dropout: float = 0.2
    smoothing: float = 0.0  # of labels
    batch: int = 32  # texts or sentences a step
    window: int = 128  # language: tokens of a text that are learned from at once
    stream: bool = False  # language: the data as one long text, not each line or paragraph by itself

    def check(self) -> None:
        """Raises UsageFailure: see `Training.check`; a head there is not, a share that is not below 1."""
        super().check()
        if self.head and self.head not in HEADS:
            raise UsageFailure(f"head={self.head}: no such head", hint=nearest(self.head, HEADS))
        for name in ("dropout", "smoothing"):
            if getattr(self, name) >= 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number below 1")
        for name in ("batch", "window", "min_count"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")


@dataclass(frozen=True)
class Recurrent(Neural):
    """A recurrent encoder, and how the words that it reads become vectors."""

    embedding: int = 128  # numbers of a word's vector
    vectors: str = ""  # tags, class: a model of word vectors …
    frozen: bool = True  # … which stay as they are, beside vectors of words that are learned; else learning begins with them
    characters: int = 0  # tags, class: numbers of a character's vector; 0: words are not spelled
    filters: int = 64  # tags, class: patterns of characters
    word_dropout: float = 0.0  # tags, class: words that are made unknown in training
    positions: bool = False  # tags, class: where a word stands is added to its vector; beyond `window` all places are one
    cell: str = "lstm"  # rnn (tanh), irnn (ReLU that begins as the identity), gru or lstm
    size: int = 256  # of a state, a direction
    layers: int = 1  # class: 0 for a bag of words
    bidirectional: bool = False  # tags, class
    pool: str = "max"  # class: of a text's states; last, max, mean or attention
    tied: bool = True  # language: the softmax has the embedding's weights

    def check(self) -> None:
        """Raises UsageFailure: see `Neural.check`; a cell there is not."""
        super().check()
        if self.cell not in CELLS:
            raise UsageFailure(f"cell={self.cell}: no such cell", hint=nearest(self.cell, CELLS))
        for name in ("embedding", "size", "filters"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")
        if self.word_dropout >= 1:
            raise UsageFailure(f"word_dropout={self.word_dropout}: expected a number below 1")


@dataclass(frozen=True)
class Transformer(Neural):
    """A Transformer that reads from left to right; `window` is as far as it looks back."""

    size: int = 256
    heads: int = 4
    layers: int = 4
    inner: int = 0  # of the feed-forward; 0: four times the size
    activation: str = "gelu"  # or relu, silu, swiglu
    positions: str = "rotary"  # or learned

    def check(self) -> None:
        """Raises UsageFailure: see `Neural.check`; heads that do not divide the size, positions there are not."""
        super().check()
        for name in ("size", "heads", "layers"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")
        if self.size % self.heads or (self.positions == "rotary" and self.size // self.heads % 2):
            raise UsageFailure(f"size={self.size} does not fit heads={self.heads}: each head takes an even share of it")
        if self.positions not in ("rotary", "learned"):
            raise UsageFailure(f"positions={self.positions}: no such positions", hint="rotary or learned")


@dataclass(frozen=True)
class Translation(Training, Units):
    """What models from one sequence to another are told."""

    head: str = "translation"
    units: str = "bpe"
    shared: bool = True  # one vocabulary for both sides; a ready tokenizer always is
    tied: bool = True  # the softmax has the weights of the target's embedding, and this, of a shared vocabulary, those of the source's
    longest: int = 256  # tokens of a source or target; longer pairs are left out of training
    tokens: int = 4096  # of a batch, padding included: pairs × the longer side of the longest
    dropout: float = 0.1
    word_dropout: float = 0.0  # of whole words, on both sides, wherever they stand
    smoothing: float = 0.1  # of labels
    bleu: bool = False  # dev BLEU by greedy search decides, not dev loss
    rate: float = 1e-3
    schedule: str = "inverse-sqrt"
    warmup: int = 1000
    beta2: float = 0.98
    weight_decay: float = 0.0

    def check(self) -> None:
        """Raises UsageFailure: see `Training.check`; another head, a number out of its range, texts that are not lines."""
        super().check()
        if self.head != "translation":
            raise UsageFailure(f"head={self.head}: a translator translates", hint="seq train lstm learns tags and classes")
        if self.record != "line":
            raise UsageFailure(f"record={self.record}: translations are learned line by line", hint="--set record=line")
        for name in ("dropout", "word_dropout", "smoothing"):
            if getattr(self, name) >= 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number below 1")
        for name in ("longest", "tokens", "min_count"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")


@dataclass(frozen=True)
class EncoderDecoder(Translation):
    """A Transformer that reads a source and writes a target."""

    size: int = 256
    heads: int = 4
    layers: int = 3  # of the encoder
    decoder_layers: int = 0  # 0: as many; a deep encoder with a shallow decoder translates faster at the same quality
    inner: int = 0  # of the feed-forward; 0: four times the size
    activation: str = "relu"  # or gelu, silu, swiglu
    positions: str = "sinusoidal"  # or learned, rotary; sinusoidal-halves has all sines before all cosines, as Marian
    scaled: bool = True  # what is embedded is multiplied by √size
    prenorm: bool = True
    attention_dropout: float = 0.0

    def check(self) -> None:
        """Raises UsageFailure: see `Translation.check`; heads that do not divide the size, positions there are not."""
        super().check()
        for name in ("size", "heads", "layers"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")
        if self.size % self.heads or (self.positions == "rotary" and self.size // self.heads % 2):
            raise UsageFailure(f"size={self.size} does not fit heads={self.heads}: each head takes an even share of it")
        if self.positions not in POSITIONS:
            raise UsageFailure(f"positions={self.positions}: no such positions", hint=nearest(self.positions, POSITIONS))
        if self.attention_dropout >= 1:
            raise UsageFailure(f"attention_dropout={self.attention_dropout}: expected a number below 1")


@dataclass(frozen=True)
class RecurrentTranslation(Translation):
    """A recurrent encoder, and a recurrent decoder that may look at its states."""

    embedding: int = 256
    cell: str = "lstm"  # or gru, rnn
    size: int = 512  # of a state; from both ends, half of it a direction
    layers: int = 1
    decoder_layers: int = 0  # 0: as many
    bidirectional: bool = True  # the encoder
    attention: str = "bahdanau"  # none, bahdanau, dot, general or concat (the last three are Luong's, with input feeding)
    pre_attention: bool = False  # a decoder below reads the target ahead of attention, and is added to what that finds
    scheduled_sampling: float = 0.0  # share of words that the decoder reads as it wrote them itself, at the end …
    sampling_epochs: int = 10  # … of so many epochs, from 0 in a line (Bengio et al. 2015)

    def check(self) -> None:
        """Raises UsageFailure: see `Translation.check`; a cell or an attention there is not, an odd size for two directions."""
        super().check()
        for name in ("embedding", "size", "layers"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")
        for name, known in (("cell", CELLS), ("attention", ATTENTIONS)):
            if getattr(self, name) not in known:
                raise UsageFailure(f"{name}={getattr(self, name)}: no such {name}", hint=nearest(getattr(self, name), known))
        if self.bidirectional and self.size % 2:
            raise UsageFailure(f"size={self.size} is odd: a bidirectional encoder has half of it a direction")
        if self.scheduled_sampling > 1 or self.sampling_epochs < 1:
            said = f"scheduled_sampling={self.scheduled_sampling}, sampling_epochs={self.sampling_epochs}"
            raise UsageFailure(f"{said}: a share, 1 at most, reached after 1 epoch at least")
        if self.pre_attention and (self.attention == "none" or self.scheduled_sampling):
            why = "nothing to look at" if self.attention == "none" else "no scheduled_sampling: it reads the whole target at once"
            raise UsageFailure(f"pre_attention=true with {why}")
