/* Likenesses in ASCII: Unicode's compatibility decompositions, as far as they are ASCII.
 */
#include "base/likeness.h"

#include "base/utf8.h"

/* The likenesses of `first` and the characters behind it, with a bar between them. They
   are what Python's unicodedata.normalize("NFKD", c).encode("ascii", "ignore") gives;
   tests/parity asks it about every character. */
struct run {
    uint32_t first;
    const char *words;
};

/* clang-format off */
static const struct run runs[] = {
    {0x00A0, " |||||||| ||a||||| |||2|3| |||| |1|o||14|12|34||A|A|A|A|A|A||C|E|E|E|E|"
     "I|I|I|I||N|O|O|O|O|O|||U|U|U|U|Y|||a|a|a|a|a|a||c|e|e|e|e|i|i|i|i||n|o|o|o|o"
     "|o|||u|u|u|u|y||y|A|a|A|a|A|a|C|c|C|c|C|c|C|c|D|d|||E|e|E|e|E|e|E|e|E|e|G|g|"
     "G|g|G|g|G|g|H|h|||I|i|I|i|I|i|I|i|I||IJ|ij|J|j|K|k||L|l|L|l|L|l|L|l|||N|n|N|"
     "n|N|n|n|||O|o|O|o|O|o|||R|r|R|r|R|r|S|s|S|s|S|s|S|s|T|t|T|t|||U|u|U|u|U|u|U|"
     "u|U|u|U|u|W|w|Y|y|Y|Z|z|Z|z|Z|z|s"},
    {0x01A0, "O|o"},
    {0x01AF, "U|u"},
    {0x01C4, "DZ|Dz|dz|LJ|Lj|lj|NJ|Nj|nj|A|a|I|i|O|o|U|u|U|u|U|u|U|u|U|u||A|a|A|a||||"
     "|G|g|K|k|O|o|O|o|||j|DZ|Dz|dz|G|g|||N|n|A|a|||||A|a|A|a|E|e|E|e|I|i|I|i|O|o|"
     "O|o|R|r|R|r|U|u|U|u|S|s|T|t|||H|h|||||||A|a|E|e|O|o|O|o|O|o|O|o|Y|y"},
    {0x02B0, "h||j|r||||w|y"},
    {0x02D8, " | | | | | ||||l|s|x"},
    {0x037A, " ||||;|||||| | "},
    {0x1D2C, "A||B||D|E||G|H|I|J|K|L|M|N||O||P|R|T|U|W|a||||b|d|e||||g||k|m||o||||p|t"
     "|u|||v|||||||i|r|u|v"},
    {0x1D9C, "c||||f"},
    {0x1DBB, "z"},
    {0x1E00, "A|a|B|b|B|b|B|b|C|c|D|d|D|d|D|d|D|d|D|d|E|e|E|e|E|e|E|e|E|e|F|f|G|g|H|h"
     "|H|h|H|h|H|h|H|h|I|i|I|i|K|k|K|k|K|k|L|l|L|l|L|l|L|l|M|m|M|m|M|m|N|n|N|n|N|n"
     "|N|n|O|o|O|o|O|o|O|o|P|p|P|p|R|r|R|r|R|r|R|r|S|s|S|s|S|s|S|s|S|s|T|t|T|t|T|t"
     "|T|t|U|u|U|u|U|u|U|u|U|u|V|v|V|v|W|w|W|w|W|w|W|w|W|w|X|x|X|x|Y|y|Z|z|Z|z|Z|z"
     "|h|t|w|y|a|s|||||A|a|A|a|A|a|A|a|A|a|A|a|A|a|A|a|A|a|A|a|A|a|A|a|E|e|E|e|E|e"
     "|E|e|E|e|E|e|E|e|E|e|I|i|I|i|O|o|O|o|O|o|O|o|O|o|O|o|O|o|O|o|O|o|O|o|O|o|O|o"
     "|U|u|U|u|U|u|U|u|U|u|U|u|U|u|Y|y|Y|y|Y|y|Y|y"},
    {0x1FBD, " || | | "},
    {0x1FCD, " | | "},
    {0x1FDD, " | | "},
    {0x1FED, " | |`"},
    {0x1FFD, " | || | | | | | | | | | | "},
    {0x2017, " "},
    {0x2024, ".|..|...||||||||| "},
    {0x203C, "!!|| |||||||||??|?!|!?"},
    {0x205F, " "},
    {0x2070, "0|i|||4|5|6|7|8|9|+||=|(|)|n|0|1|2|3|4|5|6|7|8|9|+||=|(|)||a|e|o|x||h|k"
     "|l|m|n|p|s|t"},
    {0x20A8, "Rs"},
    {0x2100, "a/c|a/s|C|C||c/o|c/u|||F|g|H|H|H|h||I|I|L|l||N|No|||P|Q|R|R|R|||SM|TEL|"
     "TM||Z||||Z||K|A|B|C||e|E|F||M|o|||||i||FAX||||||||||D|d|e|i|j|||||||17|19|11"
     "0|13|23|15|25|35|45|16|56|18|38|58|78|1|I|II|III|IV|V|VI|VII|VIII|IX|X|XI|XI"
     "I|L|C|D|M|i|ii|iii|iv|v|vi|vii|viii|ix|x|xi|xii|l|c|d|m||||||||||03"},
    {0x2260, "="},
    {0x226E, "<|>"},
    {0x2460, "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|(1)|(2)|(3)|(4)|(5)|"
     "(6)|(7)|(8)|(9)|(10)|(11)|(12)|(13)|(14)|(15)|(16)|(17)|(18)|(19)|(20)|1.|2."
     "|3.|4.|5.|6.|7.|8.|9.|10.|11.|12.|13.|14.|15.|16.|17.|18.|19.|20.|(a)|(b)|(c"
     ")|(d)|(e)|(f)|(g)|(h)|(i)|(j)|(k)|(l)|(m)|(n)|(o)|(p)|(q)|(r)|(s)|(t)|(u)|(v"
     ")|(w)|(x)|(y)|(z)|A|B|C|D|E|F|G|H|I|J|K|L|M|N|O|P|Q|R|S|T|U|V|W|X|Y|Z|a|b|c|"
     "d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z|0"},
    {0x2A74, "::=|==|==="},
    {0x2C7C, "j|V"},
    {0x3000, " "},
    {0x309B, " | "},
    {0x3200, "()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()"
     "|()|()|()|()|()|()|()||()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()"
     "|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()|()"},
    {0x3250, "PTE|21|22|23|24|25|26|27|28|29|30|31|32|33|34|35"},
    {0x32B1, "36|37|38|39|40|41|42|43|44|45|46|47|48|49|50|1|2|3|4|5|6|7|8|9|10|11|12"
     "|Hg|erg|eV|LTD"},
    {0x3358, "0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|hPa|da"
     "|AU|bar|oV|pc|dm|dm2|dm3|IU||||||pA|nA|A|mA|kA|KB|MB|GB|cal|kcal|pF|nF|F|g|m"
     "g|kg|Hz|kHz|MHz|GHz|THz|l|ml|dl|kl|fm|nm|m|mm|cm|km|mm2|cm2|m2|km2|mm3|cm3|m"
     "3|km3|ms|ms2|Pa|kPa|MPa|GPa|rad|rads|rads2|ps|ns|s|ms|pV|nV|V|mV|kV|MV|pW|nW"
     "|W|mW|kW|MW|k|M|a.m.|Bq|cc|cd|Ckg|Co.|dB|Gy|ha|HP|in|KK|KM|kt|lm|ln|log|lx|m"
     "b|mil|mol|PH|p.m.|PPM|PR|sr|Sv|Wb|Vm|Am|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|"
     "16|17|18|19|20|21|22|23|24|25|26|27|28|29|30|31|gal"},
    {0xA7F2, "C|F|Q"},
    {0xFB00, "ff|fi|fl|ffi|ffl|st|st"},
    {0xFB29, "+"},
    {0xFC5E, " | | | | | "},
    {0xFDFA, "   | "},
    {0xFE10, ",|||:|;|!|?|||..."},
    {0xFE30, "..|||_|_|(|)|{|}"},
    {0xFE47, "[|]| | | | |_|_|_|,||.||;|:|?|!||(|)|{|}|||#|&|*|+|-|<|>|=||\\|$|%|@|||"
     "|| || || || || || || || "},
    {0xFFE3, " "},
    {0x107A5, "q"},
    {0x1F100, "0.|0,|1,|2,|3,|4,|5,|6,|7,|8,|9,||||||(A)|(B)|(C)|(D)|(E)|(F)|(G)|(H)|"
     "(I)|(J)|(K)|(L)|(M)|(N)|(O)|(P)|(Q)|(R)|(S)|(T)|(U)|(V)|(W)|(X)|(Y)|(Z)|S|C|"
     "R|CD|WZ||A|B|C|D|E|F|G|H|I|J|K|L|M|N|O|P|Q|R|S|T|U|V|W|X|Y|Z|HV|MV|SD|SS|PPV"
     "|WC"},
    {0x1F16A, "MC|MD|MR"},
    {0x1F190, "DJ"},
    {0x1FBF0, "0|1|2|3|4|5|6|7|8|9"},};
/* clang-format on */

#define N_RUNS (sizeof runs / sizeof *runs)

static const struct run *find_run(uint32_t c)
{
    size_t from = 0, to = N_RUNS;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (runs[middle].first <= c)
            from = middle + 1;
        else
            to = middle;
    }
    return from ? &runs[from - 1] : NULL;
}

static void add_from_runs(struct buf *out, uint32_t c)
{
    const struct run *run = find_run(c);
    if (!run)
        return;
    struct str words = str_from(run->words);
    for (uint32_t i = run->first; i < c && words.p; i++)
        str_cut(&words, '|');
    if (words.p)
        buf_addstr(out, str_cut(&words, '|'));
}

static void add(struct buf *out, uint32_t c)
{
    if (c < 0x80)
        buf_addc(out, (char)c);
    else if (c >= 0xFF01 && c <= 0xFF5E) /* full-width forms */
        buf_addc(out, (char)(c - 0xFF01 + '!'));
    else if (c >= 0x1D400 && c <= 0x1D6A3) /* mathematical alphabets */
        buf_addc(
            out,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(c - 0x1D400) % 52]);
    else if (c >= 0x1D7CE && c <= 0x1D7FF) /* mathematical digits */
        buf_addc(out, (char)('0' + (c - 0x1D7CE) % 10));
    else
        add_from_runs(out, c);
}

static uint32_t code_point(const char *p, int length)
{
    uint32_t c = (unsigned char)*p & (0xFFu >> (length == 1 ? 0 : length + 1));
    for (int i = 1; i < length; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3F);
    return c;
}

void likeness_add(struct buf *out, struct str text)
{
    while (text.n) {
        int length = utf8_sequence(text.p, text.n);
        if (length)
            add(out, code_point(text.p, length));
        text = str_skip(text, length ? (size_t)length : 1);
    }
}
