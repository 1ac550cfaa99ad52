package org.metier.prep.clean;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.metier.prep.MadeUpText;

class CleanersTest {
  private static final TextCleaner UNICODE = new UnicodeNormalizer();
  private static final TextCleaner WHITESPACE = new WhitespaceNormalizer();
  private static final TextCleaner EMAIL = new EmailMasker();
  private static final TextCleaner IP = new IpMasker();
  private static final TextCleaner PHONE = new PhoneMasker();

  private static final String CODE =
      "def f(x):\n\tif x  !=  0:  # two  spaces\n\t\treturn {\n\n\n            'a': x ** 2}\n    é = 'x²'";

  @Test
  void unicodeHasOneSpellingAndOneLineEnd() {
    assertThat(UNICODE.clean("e\u0301\r\nb\rc\u2028d\u0085e")).isEqualTo("é\nb\nc\nd\ne");
    assertThat(UNICODE.clean("\uFEFFso\u00ADft\u0000\u007F\u009B")).isEqualTo("soft");
    assertThat(UNICODE.clean("x² ﬁ 👩‍👩‍👧 \t")).isEqualTo("x² ﬁ 👩‍👩‍👧 \t");
    assertThat(UNICODE.clean("한글")).isEqualTo("한글");
  }

  @Test
  void whitespaceThatMeansNothingGoes() {
    assertThat(WHITESPACE.clean("\n  \n  a \t\nb\u00A0c\u3000\n\n\n\n\n\td  e\n\n"))
        .isEqualTo("  a\nb c\n\n\n\td  e");
    assertThat(WHITESPACE.clean(" \n\t")).isEmpty();
  }

  @Test
  void programsStayAsTheyAre() {
    assertThat(UNICODE.clean(CODE)).isSameAs(CODE);
    assertThat(WHITESPACE.clean(CODE)).isSameAs(CODE);
  }

  @Property(tries = 200)
  void cleaningTwiceIsCleaningOnce(@ForAll @LongRange(max = 1 << 20) long seed) {
    String text = new MadeUpText(seed).hard(60);
    for (TextCleaner cleaner : new TextCleaner[] {UNICODE, WHITESPACE, EMAIL, IP, PHONE}) {
      String once = cleaner.clean(text);
      assertThat(cleaner.clean(once)).isEqualTo(once);
    }
    String both = WHITESPACE.clean(UNICODE.clean(text));
    assertThat(UNICODE.clean(both)).isEqualTo(both);
  }

  @Test
  void emailAddressesAreMasked() {
    assertThat(EMAIL.clean("Mail to <first.last+tag@mail.example.co.uk>, or a@b.org."))
        .isEqualTo("Mail to <|||EMAIL_ADDRESS|||>, or |||EMAIL_ADDRESS|||.");
    assertThat(EMAIL.clean("a@b.org@c.net")).doesNotContain("b.org").doesNotContain("a@");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"@Override", "user@host", "a @ b.org", "x@", "@", "e.@b.org", "1@2.3", "a@.org"})
  void whatIsNoEmailAddressStays(String text) {
    assertThat(EMAIL.clean(text)).isSameAs(text);
  }

  @ParameterizedTest
  @CsvSource({
    "8.8.8.8, |||IP_ADDRESS|||",
    "at 93.184.216.34:80., at |||IP_ADDRESS|||:80.",
    "[2606:4700::1111], [|||IP_ADDRESS|||]",
    "2a00:1450:4001:82a:0:0:0:200e, |||IP_ADDRESS|||",
    "172.32.0.1, |||IP_ADDRESS|||"
  })
  void publicAddressesAreMasked(String text, String masked) {
    assertThat(IP.clean(text)).isEqualTo(masked);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.9.9",
        "169.254.1.1",
        "203.0.113.5",
        "224.0.0.1",
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4.5",
        "v1.2.3.4",
        "08.8.8.8",
        "2001:db8::1",
        "12:34:56",
        "::1",
        "std::vector",
        "2024:01",
        "a2606:4700::1111",
        "2606:4700::1::2"
      })
  void otherAddressesAndNumbersStay(String text) {
    assertThat(IP.clean(text)).isSameAs(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "+49 30 1234567",
        "+44 (0)20 7946 0958",
        "+12125551234",
        "(212) 555-1234",
        "212-555-1234",
        "1-212-555-1234",
        "212.555.1234",
        "212 555 1234"
      })
  void phoneNumbersAreMasked(String number) {
    assertThat(PHONE.clean("Call " + number + ", now")).isEqualTo("Call |||PHONE_NUMBER|||, now");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "2125551234",
        "1234567890123456",
        "x+1234567",
        "a+12345678",
        "+1234",
        "112-555-1234",
        "3.212.555.1234",
        "2024-11-23",
        "212-555-12345",
        "f(212)",
        "+12345678901234567",
        "100 000 0000"
      })
  void otherNumbersStay(String text) {
    assertThat(PHONE.clean(text)).isSameAs(text);
  }
}
