"""The words of the papers: pairs and words of gender (Bolukbasi et al. 2016), sets for WEAT (Caliskan et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import UsageFailure, nearest


def words(text: str) -> tuple[str, ...]:
    """The words between blanks."""
    return tuple(text.split())


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Words with a colon between them.

    >>> pairs("boy:girl he:she")
    (('boy', 'girl'), ('he', 'she'))
    """
    return tuple((first, second) for first, _, second in (pair.partition(":") for pair in text.split()))


DEFINING = (  # what makes the direction of gender, its positive side female
    ("woman", "man"), ("girl", "boy"), ("she", "he"), ("mother", "father"), ("daughter", "son"), ("gal", "guy"), ("female", "male"),
    ("her", "his"), ("herself", "himself"), ("Mary", "John"),
)  # fmt: skip
EQUAL = pairs("""
    monastery:convent spokesman:spokeswoman Catholic_priest:nun Dad:Mom Men:Women councilman:councilwoman grandpa:grandma
    grandsons:granddaughters prostate_cancer:ovarian_cancer testosterone:estrogen uncle:aunt wives:husbands Father:Mother
    Grandpa:Grandma He:She boy:girl boys:girls brother:sister brothers:sisters businessman:businesswoman chairman:chairwoman
    colt:filly congressman:congresswoman dad:mom dads:moms dudes:gals ex_girlfriend:ex_boyfriend father:mother
    fatherhood:motherhood fathers:mothers fella:granny fraternity:sorority gelding:mare gentleman:lady gentlemen:ladies
    grandfather:grandmother grandson:granddaughter he:she himself:herself his:her king:queen kings:queens male:female
    males:females man:woman men:women nephew:niece prince:princess schoolboy:schoolgirl son:daughter sons:daughters
    twin_brother:twin_sister""")  # to differ in gender alone
SPECIFIC = words("""
    actress actresses aunt aunts bachelor ballerina barbershop baritone beard beards beau bloke blokes boy boyfriend boyfriends
    boyhood boys brethren bride brides brother brotherhood brothers bull bulls businessman businessmen businesswoman chairman
    chairwoman chap colt colts congressman congresswoman convent councilman councilmen councilwoman countryman countrymen czar
    dad daddy dads daughter daughters deer diva dowry dude dudes elder_brother eldest_son estranged_husband estranged_wife
    estrogen ex_boyfriend ex_girlfriend father fathered fatherhood fathers fella fellas female females feminism fiance fiancee
    fillies filly fraternal fraternities fraternity gal gals gelding gentleman gentlemen girl girlfriend girlfriends girls
    goddess godfather granddaughter granddaughters grandfather grandma grandmother grandmothers grandpa grandson grandsons guy
    handyman he heiress hen hens her heroine hers herself him himself his horsemen hostess housewife housewives hubby husband
    husbands king kings lad ladies lads lady lesbian lesbians lion lions ma macho maid maiden maids male males mama man mare
    maternal maternity matriarch men menopause mistress mom mommy moms monastery monk monks mother motherhood mothers nephew
    nephews niece nieces nun nuns obstetrics ovarian_cancer pa paternity penis prince princes princess prostate prostate_cancer
    queen queens salesman salesmen schoolboy schoolgirl semen she sir sister sisters son sons sorority sperm spokesman spokesmen
    spokeswoman stallion statesman stepdaughter stepfather stepmother stepson strongman stud studs suitor suitors teenage_girl
    teenage_girls testosterone twin_brother twin_sister uncle uncles uterus vagina viagra waitress widow widower widows wife
    witch witches wives woman womb women younger_brother""")  # of gender by what they mean


@dataclass(frozen=True, slots=True)
class WordSet:
    """Words that stand for one idea."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeatTest:
    """Whether `first` goes with `this` rather than `that`, more than `second` does."""

    name: str
    first: WordSet  # target words
    second: WordSet
    this: WordSet  # attribute words
    that: WordSet


def word_set(name: str, text: str) -> WordSet:
    """Of words between blanks."""
    return WordSet(name, words(text))


FLOWERS = word_set("flowers", """aster clover hyacinth marigold poppy azalea crocus iris orchid rose bluebell daffodil lilac pansy
    tulip buttercup daisy lily peony violet carnation gladiola magnolia petunia zinnia""")  # fmt: skip
INSECTS = word_set("insects", """ant caterpillar flea locust spider bedbug centipede fly maggot tarantula bee cockroach gnat mosquito
    termite beetle cricket hornet moth wasp blackfly dragonfly horsefly roach weevil""")  # fmt: skip
INSTRUMENTS = word_set("instruments", """bagpipe cello guitar lute trombone banjo clarinet harmonica mandolin trumpet bassoon drum
    harp oboe tuba bell fiddle harpsichord piano viola bongo flute horn saxophone violin""")  # fmt: skip
WEAPONS = word_set("weapons", """arrow club gun missile spear axe dagger harpoon pistol sword blade dynamite hatchet rifle tank bomb
    firearm knife shotgun teargas cannon grenade mace slingshot whip""")  # fmt: skip
PLEASANT = word_set("pleasant", """caress freedom health love peace cheer friend heaven loyal pleasure diamond gentle honest lucky
    rainbow diploma gift honor miracle sunrise family happy laughter paradise vacation""")  # fmt: skip
UNPLEASANT = word_set("unpleasant", """abuse crash filth murder sickness accident death grief poison stink assault disaster hatred
    pollute tragedy divorce jail poverty ugly cancer kill rotten vomit agony prison""")  # fmt: skip
MALE_NAMES = word_set("male names", "John Paul Mike Kevin Steve Greg Jeff Bill")
FEMALE_NAMES = word_set("female names", "Amy Joan Lisa Sarah Diana Kate Ann Donna")
CAREER = word_set("career", "executive management professional corporation salary office business career")
FAMILY = word_set("family", "home parents children family cousins marriage wedding relatives")
MATH = word_set("math", "math algebra geometry calculus equations computation numbers addition")
ARTS = word_set("arts", "poetry art dance literature novel symphony drama sculpture")
SCIENCE = word_set("science", "science technology physics chemistry Einstein NASA experiment astronomy")
ARTS_2 = word_set("arts", "poetry art Shakespeare dance literature novel symphony drama")
MALE = word_set("male", "male man boy brother he him his son")
FEMALE = word_set("female", "female woman girl sister she her hers daughter")
MALE_2 = word_set("male", "brother father uncle grandfather son he his him")
FEMALE_2 = word_set("female", "sister mother aunt grandmother daughter she hers her")

TESTS = (
    WeatTest("career-family", MALE_NAMES, FEMALE_NAMES, CAREER, FAMILY),
    WeatTest("career-family-pairs", MALE, FEMALE, CAREER, FAMILY),  # words of gender for the names
    WeatTest("math-arts", MATH, ARTS, MALE, FEMALE),
    WeatTest("science-arts", SCIENCE, ARTS_2, MALE_2, FEMALE_2),
    WeatTest("flowers-insects", FLOWERS, INSECTS, PLEASANT, UNPLEASANT),
    WeatTest("instruments-weapons", INSTRUMENTS, WEAPONS, PLEASANT, UNPLEASANT),
)


def named(name: str) -> WeatTest:
    """A test of the paper.

    Raises:
        UsageFailure: there is no such test; names the nearest.
    """
    for test in TESTS:
        if test.name == name:
            return test
    raise UsageFailure(f"no test of association is called {name!r}", hint=nearest(name, [test.name for test in TESTS]))
