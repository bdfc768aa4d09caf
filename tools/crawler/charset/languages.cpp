#include "tools/crawler/charset/languages.hpp"

namespace crawler {

namespace {

// Counted in the translations that Debian 12 carries: the packages libreoffice-help-*, gimp-help-*,
// debian-reference-*, debian-faq-*, maint-guide-*, aptitude-doc-* and manpages-*, and the message
// catalogues of GTK, GLib and gettext. French, Portuguese and Spanish, whose technical prose repeats the
// same few endings, are moved halfway to an estimate of what other prose uses. Letters that an
// alphabet has (CLDR's exemplar characters) and technical prose lacks are raised to one or a few: Œ, Š
// and Ž decide between encodings. English and Dutch, of which the sample says little, and Maltese, which
// it does not have, are estimated, and so are all shares of signs. Romanian stands here twice: its S and T
// with comma are missing in most encodings, and were written with cedilla then.
//
// That the sample is technical matters little: a wrong encoding permutes letters, which makes frequent
// ones rare by factors of ten and more.
// clang-format off
constexpr Language table[] = {
    {"English", western, 700, U"é500 ï100 ö100 ü80 ñ70 è50 ç50 á50"},
    {"names of Western Europe", western, 100,
     U"é200 á120 ó100 ü100 í90 ö90 è50 ä50 ã40 ç40 ñ30 ø30 å20 ú20 ô20 š15 ê10 î10 ë10 ï10 â10 "
     U"ò10 à10 ž10"},
    {"French", western, 150, U"é600 à130 è110 ê65 ç25 î20 ô15 û15 ù15 â12 œ6 ë3 ï3 ü1 æ1 ÿ2"},
    {"German", western, 150, U"ü450 ä315 ö178 ß57 é2"},
    {"Spanish", western, 150, U"ó370 á180 í180 é110 ñ75 ú70 ü3"},
    {"Italian", western, 150, U"è490 à223 ò131 ù114 é24 ì18 î1"},
    {"Portuguese", western, 150, U"ã260 ç200 á110 é110 ê90 í60 ó65 â40 õ35 ú45 à20 ô15"},
    {"Catalan", western, 150, U"ó272 à196 é181 í113 ú61 ç53 è52 ò51 ï15 ü6"},
    {"Dutch", western, 150, U"ï563 ë380 é210 ü24 ö24 ó20 á20 è8 ê5"},
    {"Swedish", western, 150, U"ä461 ö308 å228 é4"},
    {"Danish", western, 150, U"æ334 å325 ø280 é50"},
    {"Norwegian", western, 150, U"å531 ø417 æ49 é2 ò2 ô2 è1"},
    {"Icelandic", western, 80, U"ð337 á172 í107 æ77 þ72 ó69 ú59 ö52 ý35 é19"},
    {"Irish", western, 80, U"á362 í249 é206 ú117 ó67"},
    {"Finnish", western, 80, U"ä890 ö110 å4 š6 ž5"},
    {"Estonian", western | baltic, 80, U"ä477 õ277 ü185 ö45 š12 ž12"},
    {"Czech", central, 80, U"í278 á185 ř91 ž78 ě75 é74 ý63 č57 š44 ů40 ň6 ú5 ť2 ó2 ď2"},
    {"Slovak", central, 80, U"á193 č140 í108 ý94 é89 ú86 ť82 ž68 ľ51 š44 ó12 ô9 ň8 ĺ6 ä6 ď3"},
    {"Polish", central, 80, U"ą176 ł155 ż140 ś136 ę135 ó132 ć84 ń28 ź9"},
    {"Hungarian", central, 80, U"á342 é242 í93 ó91 ő71 ö69 ü43 ú21 ű19"},
    {"Slovenian", central, 80, U"č569 š234 ž189 é1 ć1"},
    {"Croatian", central, 80, U"č310 š197 ž186 ć170 đ118"},
    {"Romanian", central, 80, U"ă468 ț206 î129 ș126 â47"},
    {"Romanian with cedillas", central, 80, U"ă468 ţ206 î129 ş126 â47"},
    {"Turkish", turkish, 80, U"ı450 ç137 ü121 ş116 ğ106 ö70 İ12 â4 î1 û1"},
    {"Lithuanian", baltic, 80, U"ė206 š206 ų128 į114 ą114 ž106 č55 ū46 ę23"},
    {"Latvian", baltic, 80, U"ā325 ē216 ī189 š112 ļ51 ū47 ņ31 ķ12 ž11 ģ6 č1"},
    {"Maltese", southern, 80, U"ħ420 ż260 ġ190 ċ110 à20"},
    {"Esperanto", southern, 80, U"ĝ271 ĉ269 ŝ173 ŭ164 ĵ119 ĥ3"},
    {"Vietnamese", vietnamese, 80,
     U"\u0323160 ê99 \u030986 ô85 \u030173 ư69 đ68 \u030064 ơ55 â50 à39 \u030337 á32 ó31 ă24 "
     U"í10 ù7 ú7 é2 è1"},
    {"Russian", cyrillic, 25,
     U"о100 е87 а82 и75 т70 н65 с52 р51 в44 л41 к35 м32 п32 д28 я23 у23 ы22 з19 ь16 б15 ч13 "
     U"й13 г11 ж9 ю7 х7 ф6 ц5 щ5 ш4 э4 ё2 ъ1"},
    {"Ukrainian", cyrillic, 25,
     U"о96 а87 н79 и65 в54 т51 е50 і48 р47 к43 с38 д37 м35 у35 л32 п32 я28 з26 б15 ч12 й11 ь11 "
     U"г10 ж8 є8 х7 ф7 ю7 ц6 щ6 ш5 ї4 ґ1"},
    {"Belarusian", cyrillic, 25,
     U"а170 н76 р49 ы48 к46 е43 л41 і39 д36 т36 п36 в36 с33 я32 ц31 о30 м29 з29 у26 ь19 ў18 "
     U"ч16 э16 г13 б12 ш9 й8 ю6 ф5 ж5 х5 ё3"},
    {"Bulgarian", cyrillic, 25,
     U"а134 е99 н85 о80 и78 т72 р55 с43 в42 д36 л34 п34 з33 к33 м23 ъ18 я15 б11 у11 ч11 г9 ж8 "
     U"й8 ф7 ц6 щ5 ш5 х3 ю2 ь1 ѝ1"},
    {"Serbian", cyrillic, 25,
     U"а133 е98 и87 о83 н61 р58 т51 с47 к42 у41 д38 п38 в36 м29 з27 ј26 л23 б13 г11 ч10 њ9 ц9 "
     U"ш8 љ6 ж5 ћ5 х3 ђ2 ф2 џ1"},
    {"Macedonian", cyrillic, 25,
     U"а147 е98 о98 и80 т78 н75 р55 к38 д38 с37 в35 п35 л29 м26 з21 у20 ј15 г12 б11 ч11 ц10 њ9 "
     U"ж8 ш8 ф3 ќ2 х1 ѓ1 џ1 ѕ1 ѐ1 ѝ1"},
    {"Greek", greek, 25,
     U"α91 ε87 ο80 τ79 ι68 ν57 ρ48 σ47 π43 μ42 η35 κ29 ς29 λ28 ί26 υ24 γ23 έ20 ά19 ή19 ό18 δ16 "
     U"χ13 θ11 ω11 φ10 ύ8 ώ7 β4 ξ4 ζ3 ψ1 ϊ1 ϋ1 ΐ1 ΰ1"},
    {"Hebrew", hebrew, 25,
     U"י123 ו102 ת81 ה75 ל74 מ59 ר50 א45 ב45 ש39 נ34 ק26 פ25 ד25 ע24 צ22 ח22 כ21 ן20 ס20 ם20 "
     U"ג18 ט12 ז6 ץ4 ך4 ף2"},
    {"Arabic", arabic, 25,
     U"ا150 ل126 م72 ي62 ت47 ر46 ن43 و39 ة36 ع35 ف32 د31 س28 ب25 ح21 ق21 ك16 أ16 ص14 ط14 ج14 "
     U"خ14 ه13 ذ13 إ12 ض8 ش8 ى7 غ7 ز6 \u06515 ث5 ئ4 ء3 ظ2 ؤ2 \u064f2 \u064e1 ـ1 \u064b1 "
     U"\u06501 \u06521"},
    {"Thai", thai, 25,
     U"\u0e4857 า55 อ54 ร51 ม46 \u0e4943 ก39 น38 ด35 ง35 เ34 \u0e3127 \u0e3526 ล25 ไ25 ต24 "
     U"\u0e3424 บ24 ย22 ท22 ส21 ข21 ว20 แ19 ห17 ค15 พ14 ป14 \u0e3713 \u0e4c13 ช12 ะ12 จ12 ำ12 "
     U"ใ11 \u0e3910 \u0e478 \u0e387 ถ7 ฟ7 โ5 ผ5 ณ5 ซ4 \u0e362 ธ2 ญ2 ภ1 ษ1 ๆ1 ฝ1"},
};
// clang-format on

}  // namespace

std::span<const Language> languages() {
  return table;
}

Frequencies parse_frequencies(std::u32string_view text) {
  Frequencies found;
  double sum = 0;
  for (char32_t c : text) {
    if (c >= 0x80) {
      found.emplace_back(c, 0);
    } else if (c != U' ') {
      found.back().second = found.back().second * 10 + (c - U'0');
    }
  }
  for (const auto& known : found) sum += known.second;
  for (auto& known : found) known.second /= sum;
  return found;
}

double frequency(const Frequencies& known, char32_t character) {
  for (const auto& [other, frequency] : known) {
    if (other == character) return frequency;
  }
  return 0;
}

}  // namespace crawler
