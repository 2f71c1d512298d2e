"""Word lists of the English rules: short, closed classes a person can read and extend."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Abbreviations that take a full stop, by what may follow.  A capitalised entry is found in capitals too (INC.).
TITLES = _words(  # a name follows: never the end of a sentence
    "Adm Amb Br Capt Cmdr Col Cpl Dr dr Drs Fr Ft Gen Gov Hon Lt Maj Messrs Mr mr Mrs mrs Ms ms Msgr Mt Pres Prof "
    "prof Pvt Rep Reps Rev Sen Sens Sgt Spec St st Ste Sts Supt v vs"
)
NUMBERED = _words(  # a number follows, or else the sentence ends
    "approx Apr Art Aug ca Ch Dec Eq eq Eqs eqs Ext ext Feb Fig fig Figs figs Jan Jul Jun Mar No no Nos nos Nov Oct "
    "Op p Para para pp Sec sec Sep Sept Vol vol Vols"
)
OTHER_ABBREVIATIONS = _words(
    "al Ala Ariz Ark Arrv arrv Assn Asst Attn Ave Bld Bldg Blvd Bros Calif cf Co Colo Conf Conn cont Corp Del Dept "
    "dept Dist ed eds eg esp Est est etc Fla Fri ft govt hr hrs ibid Inc inc incl Jr jr Kan La lb lbs Ln Ltd ltd lv "
    "Mass max Md mgmt Mich min Minn mins misc Mon Mont Neb Nev Okla Ont Ore oz Penn Ph Pkwy qty Rd ref Rt Sat Sq sq "
    "Sr Tel Tenn Tex Thu Thur Thurs Tue Tues Univ Va viz Wed Wis wk wks Yr yr yrs"
)
ABBREVIATIONS = TITLES | NUMBERED | OTHER_ABBREVIATIONS

# Contractions that no apostrophe shows, or that are not word + clitic: where they are cut.
CONTRACTIONS: dict[str, tuple[int, ...]] = {
    "'tis": (2,), "'twas": (2,), "aint": (2,), "arent": (3,), "arnt": (2,), "c'mon": (3,), "cannot": (3,), "cant": (2,),
    "couldnt": (5,), "didnt": (3,), "doesnt": (4,), "dont": (2,), "dunno": (2, 3), "elses": (4,), "gimme": (3,),
    "gonna": (3,), "gotta": (3,), "hadnt": (3,), "hasnt": (3,), "havent": (4,), "heres": (4,), "hes": (2,),
    "im": (1,), "isnt": (2,), "itll": (2,), "ive": (1,), "lemme": (3,), "lets": (3,), "outta": (3,), "shes": (3,),
    "shouldnt": (6,), "thats": (4,), "theres": (5,), "theyll": (4,), "theyre": (4,), "theyve": (4,), "wanna": (3,),
    "wasnt": (3,), "werent": (4,), "whats": (4,), "wont": (2,), "wouldnt": (5,), "youll": (3,), "youre": (3,),
    "youve": (3,),
}  # fmt: skip

# Prefixes that keep their hyphen: non-stop is one word, well-known is three.
PREFIXES = _words(
    "anti arch bi co counter cross cyber de e eco ex extra hyper inter intra macro mega mid mini mis multi neo non "
    "over post pre pro proto pseudo psycho quasi re semi socio sub super trans tri ultra un under uni"
)
UNITS = _words(  # what follows a figure without a space: 5pm, 35mm, 10k
    "a.m AM am B b BN Bn bn C c cm day days F f ft g GB gb GHz hh hr hrs Hz hz in K k KB kb kg kHz km kph kW kWh L l "
    "lb lbs M m MB mb mg MHz mi min mins minutes ml MM mm mph ms MW MWh oz p p.m percent PM pm sec secs sq t TB tb V "
    "W watt watts wk wks X x yd yr yrs"
)
TOP_DOMAINS = "com org net edu gov mil info biz co uk us ca de fr au jp ru ch io tv me"
FILE_SUFFIXES = "doc docx xls xlsx ppt pptx pdf txt csv zip html htm jpg jpeg png gif mp3 mp4 exe url xml json py"

# Words that tell where a sentence ends when no stop does.
SIGN_OFFS = _words("Best Cheers Cordially Love Regards regards Respectfully Sincerely sincerely Thanks thanks Yours")
FIELDS = _words("Bcc Cc Date Expires From Groups Location Sent Subject Time To What When Where Who")
# Capitalised inside a line, these begin a sentence unless they stand in a title.
STARTERS = _words(
    "After Also Although Another Any Are As Attached Because Before But Can Congratulations Cordially Could Dear Did "
    "Do Does Even Every For From FYI Had Has Have He Hello Her Here Hey Hi His How However If In Is It Its Let "
    "Maybe Most My No Not Note Nothing Now OK Ok On Once One Or Our P.S. Perhaps Please PS Regards She Should Since "
    "Sincerely So Some Sorry Thank Thanks That The Their Then There These They This Those Though Was We Well Were "
    "What When Where Which While Who Why Will With Would Yes You Your"
)
# No sentence ends with these: the capital that follows is a name's or a title's.
NO_LAST_WORDS = _words(
    "& + - / @ a about after again against all also although am among an and any are as at be because been before "
    "being between both but by can could did do does during each either every for from had has have he her his how "
    "however i if in into is it its like may might must my neither no nor not now of off on onto or our over p.s. per "
    "ps should since so some such than that the their them then there therefore these they this those through till to "
    "under until upon via vs was we were what when where which while who whom whose why will with within without "
    "would you your – —"
)
GREETINGS = _words("Dear Dearest Hello Hey Hi")
CALENDAR = _words(
    "April August December February Friday January July June March May Monday November October Saturday September "
    "Sunday Thursday Tuesday Wednesday"
)
AFTER_IT_IS = _words(  # "its a", "its not" can only mean it's
    "a all also always an been between definitely for from getting gonna in just kind like not nothing now really "
    "simply so still that the too very your"
)
