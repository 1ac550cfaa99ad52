package org.metier.prep.clean;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.metier.prep.BadDataException;
import org.metier.prep.clean.CleaningConfig.DomainSteps;
import org.metier.prep.clean.CleaningConfig.Step;
import org.metier.prep.document.RejectReason;
import org.metier.prep.filter.LanguageConfig;

class CleaningTest {

  @Test
  void everyDomainHasItsStepsInTheirOrder() {
    Cleaning cleaning =
        new Cleaning(
            config(
                List.of(Step.UNICODE, Step.WHITESPACE, Step.MASK_EMAIL),
                List.of(
                    new DomainSteps("raw", List.of()), new DomainSteps("prose", List.of(Step.C4)))),
            3);
    assertThat(cleaning.apply("mail \r\n a@b.org", "any"))
        .isEqualTo(new Cleaned.Kept("mail\n |||EMAIL_ADDRESS|||"));
    assertThat(cleaning.apply("mail \r\n a@b.org", "raw"))
        .isEqualTo(new Cleaned.Kept("mail \r\n a@b.org"));
    assertThat(cleaning.apply("mail {", "prose"))
        .isEqualTo(new Cleaned.Rejected(RejectReason.C4_CURLY_BRACKET));
  }

  @Test
  void lengthIsTheLengthOfWhatIsLeft() {
    Cleaning cleaning = new Cleaning(config(List.of(Step.WHITESPACE), List.of()), 3);
    assertThat(cleaning.apply("ab   ", "any"))
        .isEqualTo(new Cleaned.Rejected(RejectReason.TOO_SHORT));
    assertThat(cleaning.apply("     ", "any"))
        .isEqualTo(new Cleaned.Rejected(RejectReason.EMPTY_TEXT));
  }

  @Test
  void whatCannotBeIsNamed() {
    assertThatThrownBy(
            () ->
                config(
                    List.of(),
                    List.of(new DomainSteps("a", List.of()), new DomainSteps("a", List.of()))))
        .hasMessage("domains names a twice");
    assertThatThrownBy(
            () ->
                CleaningFixture.config(
                    List.of(Step.LANGUAGE), List.of(), new LanguageConfig(List.of(), 0.5)))
        .hasMessageStartingWith("language.keep must name at least one language");
    assertThatThrownBy(() -> new LanguageConfig(List.of("en"), 0.5))
        .hasMessageContaining("ISO 639-3")
        .hasMessageContaining("'en'");
    CleaningConfig unknown =
        CleaningFixture.config(
            List.of(Step.LANGUAGE), List.of(), new LanguageConfig(List.of("xxx"), 0.5));
    assertThatThrownBy(() -> new Cleaning(unknown, 1))
        .isInstanceOf(BadDataException.class)
        .hasMessageStartingWith("prepare.cleaning.language.keep: xxx is not among");
  }

  private static CleaningConfig config(List<Step> steps, List<DomainSteps> domains) {
    return CleaningFixture.config(steps, domains, new LanguageConfig(List.of("eng"), 0.5));
  }
}
