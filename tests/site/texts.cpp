#include "tests/site/texts.hpp"

#include <stdexcept>
#include <string>

namespace site {
namespace {

constexpr std::string_view english[] = {
    "A pipe carries bytes, not messages; whoever reads must know where one ends.",
    "The kernel keeps a lock exactly as long as the process that took it lives.",
    "A letter that nobody opens is not lost, it is only late.",
    "Two clocks never agree, which is why a deadline names its clock.",
    "The slowest reader decides how fast everybody may write.",
    "What a program leaves behind tells more about it than its manual.",
    "An empty message is still a message, and it must arrive.",
};
constexpr std::string_view german[] = {
    "Ein voller Briefkasten verliert nichts; er lässt den Boten warten.",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Wer zuerst schließt, muss dem anderen sagen, dass er geht.",
    "Die Röhre ist blind für Grenzen: Sie kennt nur Bytes und deren Reihenfolge.",
    "Ein Prozess, der plötzlich stirbt, grüßt nicht mehr.",
    "Geduld ist billig, Ungewissheit kostet Geld und Nerven.",
    "Übermäßige Höflichkeit führt dazu, dass beide Seiten für immer warten.",
};
constexpr std::string_view french[] = {
    "Dès qu’un tube est plein, celui qui écrit attend que l’on lise.",
    "Voix ambiguë d’un cœur qui, au zéphyr, préfère les jattes de kiwis.",
    "La file garde l’ordre des messages, jamais leur raison d’être.",
    "Un nom oublié sur le disque ressemble trait pour trait à un nom vivant.",
    "Le café coûte deux euros, mais l’attente ne coûte rien au noyau.",
    "Qui meurt sans dire adieu laisse à d’autres le soin de ranger.",
};
constexpr std::string_view spanish[] = {
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío.",
    "Cada mañana el proceso despierta, lee un mensaje y vuelve a dormir.",
    "¿Quién avisa al que escribe cuando ya nadie escucha?",
    "La señal llega sin pedir permiso y se va sin dejar recado.",
    "Un buzón lleno enseña paciencia; uno vacío, esperanza.",
    "El niño que corrige al compilador aprende más que el compilador.",
};
constexpr std::string_view polish[] = {
    "Pchnąć w tę łódź jeża lub ośm skrzyń fig.",
    "Kolejka pamięta kolejność, nawet gdy nadawca już nie żyje.",
    "Każdy proces ma swój numer, lecz numer może wkrótce należeć do innego.",
    "Pusty komunikat też musi dojść do celu.",
    "Źródło milczy, dopóki ktoś nie otworzy drugiego końca.",
};
constexpr std::string_view russian[] = {
    "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "Почтовый ящик полон, и почтальон терпеливо ждёт у двери.",
    "Процесс завершился, но его имя ещё долго лежало в каталоге.",
    "Сигнал приходит без стука и никогда не ждёт ответа.",
    "Порядок сообщений важнее скорости, а целостность важнее порядка.",
    "Тот, кто пишет в закрытую трубу, узнаёт об этом первым.",
    "Пустое сообщение тоже сообщение, и оно должно дойти.",
};
constexpr std::string_view ukrainian[] = {
    "Жебракують філософи при ґанку церкви в Гадячі, ще й шатро їхнє п’яне знаємо.",
    "Черга пам’ятає порядок, а ядро пам’ятає, хто її тримає.",
    "Повідомлення або приходить ціле, або не приходить зовсім.",
    "Хто зачекав одну секунду, той уникнув довгої плутанини.",
};
constexpr std::string_view greek[] = {
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "Το μήνυμα φτάνει ολόκληρο ή δεν φτάνει καθόλου.",
    "Ο πυρήνας κρατά τη σειρά, όχι όμως και το νόημα.",
    "Όποιος φεύγει χωρίς αντίο αφήνει πίσω του μια ανοιχτή πόρτα.",
    "Μια άδεια ουρά είναι υπόσχεση, μια γεμάτη είναι υπομονή.",
};
constexpr std::string_view japanese[] = {
    "いろはにほへと散りぬるを、我が世誰ぞ常ならむ。",
    "郵便受けが一杯なら、配達人は静かに待つ。",
    "プロセスが終わっても、名前だけがディスクに残ることがある。",
    "空のメッセージも一通のメッセージであり、必ず届かなければならない。",
    "カーネルは順番を守るが、意味までは守らない。",
    "信号は予告なく届き、返事を求めない。",
};
constexpr std::string_view chinese[] = {
    "信箱满了，邮差便在门外静静等候。",         "进程结束以后，它的名字有时还留在磁盘上。",
    "空消息也是消息，同样必须送达。",           "内核记得顺序，却不记得含义。",
    "天地玄黄，宇宙洪荒，日月盈昃，辰宿列张。", "先关门的人应当告诉对方自己要走了。",
};
constexpr std::string_view korean[] = {
    "우편함이 가득 차면 배달부는 문 앞에서 조용히 기다린다.",
    "빈 메시지도 메시지이므로 반드시 도착해야 한다.",
    "커널은 순서를 지키지만 의미까지 지키지는 않는다.",
    "다람쥐 헌 쳇바퀴에 타고파.",
};

constexpr Language languages[] = {
    {"en", "About pipes and patience, page", english},
    {"de", "Über Röhren und Geduld, Seite", german},
    {"fr", "Des tubes et de la patience, page", french},
    {"es", "Sobre tubos y paciencia, página", spanish},
    {"pl", "O kolejkach i cierpliwości, strona", polish},
    {"ru", "О трубах и терпении, страница", russian},
    {"uk", "Про труби й терпіння, сторінка", ukrainian},
    {"el", "Για σωλήνες και υπομονή, σελίδα", greek},
    {"ja", "パイプと忍耐について、ページ", japanese},
    {"zh", "论管道与耐心，第几页", chinese},
    {"ko", "파이프와 인내에 대하여, 쪽", korean},
};

}  // namespace

const Language& language(std::string_view tag) {
  for (const Language& candidate : languages)
    if (candidate.tag == tag) return candidate;
  throw std::logic_error("no language " + std::string(tag));
}

}  // namespace site
