#include "eval/report/markup.h"

#include <gtest/gtest.h>

#include "eval/report/excerpt.h"

namespace kvscope {
namespace {

TEST(Markup, EscapesWhatCouldEndATextOrAnAttribute) {
  EXPECT_EQ(EscapeMarkup("<script>\"a\" & 'b'</script>"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
  EXPECT_EQ(EscapeMarkup("± 日本\n\t"), "± 日本\n\t");
}

TEST(Markup, ReplacesWhatNoTextMayHold) {
  const std::string replaced =
      "a\xef\xbf\xbd"
      "b";
  for (const std::string_view text : {"a\x01"
                                      "b",
                                      "a\x1b"
                                      "b",
                                      "a\x7f"
                                      "b",
                                      "a\xc2\x85"
                                      "b",
                                      "a\xff"
                                      "b",
                                      "a\xc3"
                                      "b",
                                      "a\xef\xbf\xbe"
                                      "b"})
    EXPECT_EQ(EscapeMarkup(text), replaced) << text;
  EXPECT_EQ(EscapeMarkup(std::string_view("a\0b", 3)), replaced);
}

TEST(Markup, ClosesElementsInOrder) {
  Markup out;
  {
    const Element outer(out, "td", {{"title", "a\"b"}});
    const Element inner(out, "b");
    out.Text("x<y");
    out.Empty("br");
  }
  EXPECT_EQ(out.text(), "<td title=\"a&quot;b\"><b>x&lt;y<br/></b></td>");
}

TEST(Excerpt, IsOneLineOfWholeCharacters) {
  EXPECT_EQ(Excerpt("  a\n b\t\tc \n", 20), "a b c");
  EXPECT_EQ(Excerpt("abcdef", 6), "abcdef");
  EXPECT_EQ(Excerpt("abcdef", 5), "abcde…");
  EXPECT_EQ(Excerpt("aé", 2), "a…") << "the character of two bytes is not cut in two";
}

}  // namespace
}  // namespace kvscope
