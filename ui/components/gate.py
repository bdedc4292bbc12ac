"""Who may see the pages: nobody is asked on this machine alone; a password or a sign-in otherwise."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ui.components.look import head
from ui.services.server import signs_in
from ui.settings import StudioSettings, studio_settings

KEY = "let-in"
WAIT_SECONDS = 1.5
_ONE_AT_A_TIME = threading.Lock()


def let_in() -> bool:
    """Whether the page may be drawn; if not, it has asked for the password or a sign-in."""
    settings = studio_settings()
    if signs_in():
        return _signed_in(settings)
    if settings.password is None:
        if settings.public:
            st.error("This studio is reached by others and has neither password nor sign-in; it shows nothing.")
        return not settings.public
    if st.session_state.get(KEY):
        return True
    head("Counterface studio", "This studio asks for its password.")
    with st.form("password"):
        typed = st.text_input("Password", type="password", key="password-typed")
        asked = st.form_submit_button("Open", type="primary")
    if not asked:
        return False
    if right(typed, settings.password.get_secret_value()):
        st.session_state[KEY] = True
        st.rerun()
    st.error("This is not the password.")
    return False


def right(typed: str, password: str) -> bool:
    """Whether a password is right; after a wrong one, everybody waits, so that guessing takes years."""
    if hmac.compare_digest(typed.encode(), password.encode()):
        return True
    with _ONE_AT_A_TIME:
        time.sleep(WAIT_SECONDS)
    return False


def _signed_in(settings: StudioSettings) -> bool:
    if not st.user.is_logged_in:
        head("Counterface studio", "Sign in to go on.")
        st.button("Sign in", type="primary", on_click=st.login)
        return False
    with st.sidebar:
        st.button("Sign out", on_click=st.logout)
    if not named(st.user, settings.users):
        st.error("This account is not one of those that may use this studio.")
        return False
    return True


def named(account: Mapping[str, Any], users: Sequence[str]) -> bool:
    """Whether a sign-in may use the studio: everyone where no address is named, else who has one of the addresses.

    Args:
        account: the claims of the provider; an address that it does not say it verified counts as none, unless it says
            nothing of that at all.
    """
    if not users:
        return True
    if str(account.get("email_verified", True)).casefold() != "true":
        return False
    return str(account.get("email", "")).casefold() in {one.casefold() for one in users}
