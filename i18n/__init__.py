"""Every text that a person reads, by its code, in each language (locales/*.po)."""

from i18n.catalogue import LANGUAGES, best_language, speak, spoken_language, tr, use_language

__all__ = ["LANGUAGES", "best_language", "speak", "spoken_language", "tr", "use_language"]
