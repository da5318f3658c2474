def test_a_removal_order_is_carried_out_and_confirmed(kz_regulator, order, kz_office, kz_outbox):
    removal = order("42")
    assert removal.send().status == 202
    kz_office.decide("remove")
    kz_outbox.settle()
    assert kz_regulator.books.notices[removal.notice.notice_id].outcomes() == {"1": "removed"}
